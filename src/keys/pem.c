/* Keys as PEM files. A private key is written once, mode 0600, and never over another file: the
 * name that is typed by mistake may be the only copy of the key that a fleet trusts. */
#include <errno.h>
#include <fcntl.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <stdlib.h>
#include <unistd.h>

#include "disk/disk.h"
#include "keys/internal.h"

#define PEM_SIZE_MAX 65536

/* An encrypted key must not stop a server at a prompt. */
static int no_passphrase(char *buffer, int size, int writing, void *ctx)
{
    (void)buffer, (void)size, (void)writing, (void)ctx;
    return -1;
}

static struct key *parse(const char *text, size_t size)
{
    BIO *bio = BIO_new_mem_buf(text, (int)size);
    EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, no_passphrase, NULL);
    bool is_private = pkey;
    if (!pkey && BIO_reset(bio) == 1) pkey = PEM_read_bio_PUBKEY(bio, NULL, no_passphrase, NULL);
    BIO_free(bio);
    ERR_clear_error();
    return key_wrap(pkey, is_private);
}

godwit_err key_open(const char *path, struct key **key_out)
{
    *key_out = NULL;
    uint8_t *text;
    size_t size;
    godwit_err err = disk_read(path, PEM_SIZE_MAX, &text, &size);
    if (err) return err == GODWIT_ERR_SPACE ? GODWIT_ERR_FORMAT : err;
    *key_out = parse((const char *)text, size);
    OPENSSL_cleanse(text, size);
    free(text);
    return *key_out ? GODWIT_OK : GODWIT_ERR_FORMAT;
}

godwit_err key_save(const struct key *key, const char *path)
{
    if (!key->is_private) return GODWIT_ERR_FORMAT;
    BIO *bio = BIO_new(BIO_s_secmem());
    char *text = NULL;
    bool ok = bio && PEM_write_bio_PKCS8PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL) == 1;
    long size = ok ? BIO_get_mem_data(bio, &text) : 0;
    int fd = ok ? open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600) : -1;
    godwit_err err = fd < 0 && errno == EEXIST ? GODWIT_ERR_BUSY : GODWIT_ERR_IO;
    if (fd >= 0) {
        ok = !disk_write_all(fd, text, (size_t)size) && fsync(fd) == 0;
        int fault = errno;
        ok = close(fd) == 0 && ok;
        if (ok) err = GODWIT_OK;
        if (!ok) unlink(path);
        errno = fault;
    }
    BIO_free(bio);
    return err;
}

godwit_err key_print_public(const struct key *key, FILE *out)
{
    bool ok = PEM_write_PUBKEY(out, key->pkey) == 1 && fflush(out) == 0;
    ERR_clear_error();
    return ok ? GODWIT_OK : GODWIT_ERR_IO;
}
