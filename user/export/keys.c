/* SPDX-License-Identifier: Apache-2.0 */
#include "export/keys.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "base/clock.h"

#define PEM_MAX (1 << 20)

static void wipe(char **secret)
{
	if (*secret)
		explicit_bzero(*secret, strlen(*secret));
	free(*secret);
	*secret = NULL;
}

void export_keys_wipe(struct export_keys *k)
{
	wipe(&k->key);
	wipe(&k->cert);
	wipe(&k->ca);
}

static struct export_file file_of(const struct stat *st)
{
	return (struct export_file){st->st_dev, st->st_ino, st->st_size, clock_ns_of(st->st_ctim),
				    clock_ns_of(st->st_mtim)};
}

static int read_pem(const char *path, const char *what, char **out, struct export_file *id,
		    char *why, size_t why_len)
{
	struct stat st;
	FILE *file;
	size_t len = 0;
	int err = 0;

	if (!path)
		return 0;
	file = fopen(path, "re");
	*out = calloc(1, PEM_MAX + 1);
	if (!file || !*out || fstat(fileno(file), &st)) {
		err = file && !*out ? -ENOMEM : -errno;
		goto out;
	}
	*id = file_of(&st);
	/* Unbuffered, so that no copy of a key stays behind in the stream's memory. */
	setvbuf(file, NULL, _IONBF, 0);
	len = fread(*out, 1, PEM_MAX + 1, file);
	if (ferror(file))
		err = -EIO;
	else if (len > PEM_MAX)
		err = -EFBIG;
	else if (!strstr(*out, "-----BEGIN "))
		err = -EBADMSG;
	(*out)[len > PEM_MAX ? PEM_MAX : len] = '\0';
out:
	if (err == -EBADMSG)
		snprintf(why, why_len, "%s %s holds no PEM block", what, path);
	else if (err)
		snprintf(why, why_len, "cannot read %s %s: %s", what, path, strerror(-err));
	if (err && *out)
		explicit_bzero(*out, PEM_MAX);
	if (err) {
		free(*out);
		*out = NULL;
	}
	if (file)
		fclose(file);
	return err;
}

/* How often MARK occurs in TEXT. */
static size_t marks(const char *text, const char *mark)
{
	size_t n = 0;

	while ((text = strstr(text, mark))) {
		text += strlen(mark);
		n++;
	}
	return n;
}

/* Refuses a file that ends inside a PEM block, because it is still being written. */
static int check_whole(const char *pem, const char *what, const char *path, char *why,
		       size_t why_len)
{
	if (!pem || marks(pem, "-----BEGIN ") == marks(pem, "-----END "))
		return 0;
	snprintf(why, why_len, "%s %s ends inside a PEM block", what, path);
	return -EBADMSG;
}

/* Checks that PEM has a certificate and that each one in it can be read. gRPC would refuse the
 * endpoint if the first is damaged, and would ignore everything after a damaged later one. */
static int check_certificates(const char *pem, const char *what, const char *path, char *why,
			      size_t why_len)
{
	BIO *text = pem ? BIO_new_mem_buf(pem, -1) : NULL;
	X509 *cert;
	size_t n = 0;
	unsigned long last;

	if (!pem)
		return 0;
	if (!text)
		return -ENOMEM;
	ERR_clear_error();
	while ((cert = PEM_read_bio_X509(text, NULL, NULL, NULL))) {
		X509_free(cert);
		n++;
	}
	last = ERR_peek_last_error();
	ERR_clear_error();
	BIO_free(text);
	if (ERR_GET_LIB(last) != ERR_LIB_PEM || ERR_GET_REASON(last) != PEM_R_NO_START_LINE) {
		snprintf(why, why_len, "%s %s cannot be used: its certificate %zu is damaged", what,
			 path, n + 1);
		return -EBADMSG;
	}
	if (!n) {
		snprintf(why, why_len, "%s %s holds no certificate", what, path);
		return -EBADMSG;
	}
	return 0;
}

/* Checks that key and certificate belong together: during a rotation one may be new and the other
 * old. */
static int check_pair(const struct config_endpoint *e, const struct export_keys *k, char *why,
		      size_t why_len)
{
	BIO *cert_text, *key_text;
	X509 *cert = NULL;
	EVP_PKEY *key = NULL;
	int err = 0;

	if (!k->cert || !k->key)
		return 0;
	cert_text = BIO_new_mem_buf(k->cert, -1);
	key_text = BIO_new_mem_buf(k->key, -1);
	if (cert_text && key_text) {
		cert = PEM_read_bio_X509(cert_text, NULL, NULL, NULL);
		/* An empty passphrase, because OpenSSL would ask on the terminal if there were
		 * none. */
		key = PEM_read_bio_PrivateKey(key_text, NULL, NULL, (void *)"");
	}
	if (!cert || !key)
		snprintf(why, why_len, "%s %s cannot be used: it is damaged%s",
			 cert ? "key file" : "certificate file", cert ? e->key_file : e->cert_file,
			 cert ? " or has a passphrase" : "");
	else if (X509_check_private_key(cert, key) != 1)
		snprintf(why, why_len, "key file %s does not belong to the certificate in %s",
			 e->key_file, e->cert_file);
	if (!cert || !key || X509_check_private_key(cert, key) != 1)
		err = -EBADMSG;
	EVP_PKEY_free(key);
	X509_free(cert);
	BIO_free(key_text);
	BIO_free(cert_text);
	return err;
}

int export_keys_read(const struct config_endpoint *e, struct export_keys *k, char *why,
		     size_t why_len)
{
	int err;

	memset(k, 0, sizeof(*k));
	if (!e->tls)
		return 0;
	if (!e->cert_file != !e->key_file) {
		snprintf(why, why_len, "a client certificate and its key come together: set both");
		return -EINVAL;
	}
	err = read_pem(e->ca_file, "CA file", &k->ca, &k->files[0], why, why_len);
	if (!err)
		err = read_pem(e->cert_file, "certificate file", &k->cert, &k->files[1], why,
			       why_len);
	if (!err)
		err = read_pem(e->key_file, "key file", &k->key, &k->files[2], why, why_len);
	if (!err)
		err = check_whole(k->ca, "CA file", e->ca_file, why, why_len);
	if (!err)
		err = check_whole(k->cert, "certificate file", e->cert_file, why, why_len);
	if (!err)
		err = check_certificates(k->ca, "CA file", e->ca_file, why, why_len);
	if (!err)
		err = check_certificates(k->cert, "certificate file", e->cert_file, why, why_len);
	if (!err)
		err = check_pair(e, k, why, why_len);
	if (err)
		export_keys_wipe(k);
	return err;
}

bool export_keys_changed(const struct config_endpoint *e, const struct export_file files[3])
{
	const char *const paths[] = {e->ca_file, e->cert_file, e->key_file};

	for (size_t i = 0; e->tls && i < 3; i++) {
		const struct export_file *old = &files[i];
		struct export_file now;
		struct stat st;

		/* A file that is missing during a rotation will be back. */
		if (!paths[i] || stat(paths[i], &st))
			continue;
		now = file_of(&st);
		if (now.dev != old->dev || now.ino != old->ino || now.size != old->size ||
		    now.changed_ns != old->changed_ns || now.modified_ns != old->modified_ns)
			return true;
	}
	return false;
}
