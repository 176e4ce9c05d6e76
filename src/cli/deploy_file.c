/* The server is asked first by the file's digest, so that what it has is not sent again; a release
 * that is not among its newest few hundred is, and does no harm. */
#include "cli/deploy_file.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/crypto.h"
#include "base/text.h"
#include "cli/file.h"
#include "cli/pages.h"
#include "cli/upload_text.h"

bool is_deploy_file(const char *word)
{
    size_t size = strlen(word);
    bool is_image = size > 4 && !strcmp(word + size - 4, ".bin");
    struct stat facts;
    return is_image || strchr(word, '/') || (!stat(word, &facts) && S_ISREG(facts.st_mode));
}

int deploy_file_complain(const char *word)
{
    fprintf(stderr,
            "godwit: '%s' is no file; give the .bin of an image, or a product and a version: "
            "`godwit deploy PRODUCT VERSION`\n",
            word);
    return 2;
}

/* SHA-256 as hex; false after a printed line. */
static bool digest_of(const char *path, char out[static 65])
{
    uint8_t *data, digest[32];
    size_t size;
    struct godwit_hash hash;
    if (!file_read("deploy", path, FILE_SIZE_MAX, &data, &size)) return false;
    godwit_hash_init(&hash, GODWIT_SHA256);
    godwit_hash_update(&hash, data, size);
    bool is_good = !godwit_hash_peek(&hash, digest);
    free(data);
    godwit_hex_encode(digest, sizeof digest, out);
    if (!is_good) fputs("godwit: the digest of the file can not be computed\n", stderr);
    return is_good;
}

static bool has_file(const json_t *release, const char *digest)
{
    size_t index;
    json_t *image;
    json_array_foreach(json_object_get(release, "images"), index, image)
    {
        if (!strcmp(json_text(image, "file_sha256"), digest)) return true;
    }
    return false;
}

static void name_release(json_t *body, const json_t *named)
{
    json_object_set(body, "product", json_object_get(named, "product"));
    json_object_set(body, "version", json_object_get(named, "version"));
}

bool deploy_file(const struct remote *remote, const char *path, bool is_quiet, json_t *body)
{
    char digest[65];
    size_t index;
    json_t *reply, *release;
    bool is_there = false;
    if (!digest_of(path, digest)) return false;
    if (!page_get(remote, "/api/v1/releases", PAGE_ROWS_ALL, "", &reply)) return false;
    json_array_foreach(json_object_get(reply, "items"), index, release)
    {
        if (is_there || !has_file(release, digest)) continue;
        name_release(body, release);
        is_there = true;
    }
    json_decref(reply);
    if (is_there) return true;
    if (!remote_upload(remote, "/api/v1/images", path, &reply)) return false;
    if (!is_quiet) upload_print(reply);
    name_release(body, reply);
    json_decref(reply);
    return true;
}
