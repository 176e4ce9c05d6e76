/* Everything that an HTTP peer or the path to it can do wrong, as a table of turns: wraps a net and
 * answers as told, for the server's check-ins, its images and each mirror on its own. */
#pragma once

#include "formats/checkin.h"
#include "godwit_port.h"

enum wire_place { WIRE_IMAGE, WIRE_MIRROR_1, WIRE_MIRROR_2, WIRE_CHECKIN, WIRE_PLACES };

/* Zero is an honest peer. Positions are bytes of the body: in an image from the file's first byte
 * on, however the request began. */
struct wire_turn {
    uint32_t skips, times; /* requests before its first; requests that play it, 0: all */
    bool fails_start;
    bool is_lost;           /* the request never arrives, and no reply comes; is_mute: silently */
    int status;             /* this reply and no body */
    int status_of_ranges;   /* the same, only for requests with a range */
    uint32_t retry_after_s; /* with status */
    uint32_t shift;         /* added to the Content-Range's start */
    uint32_t total;         /* added to the Content-Range's whole size */
    bool is_other;          /* the entity tag is another one */
    bool ignores_ranges, lies_about_ranges; /* 200, or 206 with the bytes from 0 on */
    uint32_t length;                        /* added to Content-Length */
    bool hides_length;
    uint32_t extra;          /* bytes behind the body */
    uint32_t cuts, cut_at;   /* so many times, at this byte … */
    bool is_mute, is_false;  /* … silently; by an END */
    uint32_t range_max;      /* a range is at most so long */
    uint32_t flips, flip_at; /* so many times, the bits of flip_mask in this byte */
    uint32_t flip_every;     /* … and in each n-th byte behind, always */
    uint8_t flip_mask;
    bool flips_request;          /* one bit of the request's body */
    uint32_t request_at;         /* … in this byte */
    uint8_t request_mask;        /* … the bits of this */
    struct godwit_reply changes; /* what is not zero is laid over the head by exclusive or */
    uint32_t byte_ms;            /* one byte in so many ms */
    uint32_t delay_ms;           /* before the head */
};

struct wire {
    struct godwit_net inner;
    const uint64_t *now_ms; /* for byte_ms and delay_ms */
    struct wire_turn turns[WIRE_PLACES];
    uint32_t requests[WIRE_PLACES];
    uint64_t start_ms[WIRE_PLACES];    /* of the last request */
    uint64_t received;                 /* body bytes of images handed on */
    uint32_t played;                   /* flips and cuts that came to pass */
    uint32_t request_size, reply_size; /* of the last check-in that was played */
    bool is_telling;                   /* a line on stdout for each request */
    /* private */
    enum wire_place place;
    bool is_playing, is_ended, is_quiet, was_range;
    uint64_t last_ms;
    uint32_t from, at;
    uint32_t extra;
    char ask[GODWIT_CHECKIN_REQUEST_MAX];
};

void wire_init(struct wire *wire, const struct godwit_net *inner, const uint64_t *now_ms);
struct godwit_net wire_port(struct wire *wire);
/* Mirror addresses that wire knows apart, for peer->sources. */
void wire_mirrors(char sources[GODWIT_SOURCES_MAX][GODWIT_SOURCE_SIZE], uint32_t count);
