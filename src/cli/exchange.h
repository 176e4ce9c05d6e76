/* One request to the server and its reply; between the files of remote.h. */
#pragma once

#include <curl/curl.h>
#include <stdio.h>

#include "cli/remote.h"

struct exchange {
    const char *method, *path;
    const char *json;                /* body text, or NULL */
    FILE *file;                      /* body file, or NULL */
    curl_off_t file_from, file_size; /* from where on it is sent, to its end */
    bool is_part;                    /* Content-Range says so */
    bool is_asked;                   /* 404 is an answer, too */
    bool is_quiet, may_pass;         /* not complained of, for it may go better the next time */
    const char *expected;            /* a type of problem that is no failure yet, or NULL … */
    bool is_expected;                /* … and it was that */
    char *etag;                      /* ETAG_SIZE bytes: what one has, then what came; or NULL */
    struct remote_stream *stream;    /* who takes the reply as it comes, or NULL */
    const char *cut;                 /* said where it ends too soon, or NULL */
    struct {
        char *data;
        size_t size;
    } reply;
    long status;
    CURL *easy; /* while it runs */
    int64_t begun_ms;
    int shown_percent;
    char error[CURL_ERROR_SIZE];
};

/* True on 2xx, and on 304 to an etag; the reply is the caller's to free in any case. */
bool exchange_run(const struct remote *remote, struct exchange *exchange);
/* The same, the reply as JSON; it is freed here. 304: NULL. */
bool exchange_json(const struct remote *remote, struct exchange *exchange, json_t **reply_out);
