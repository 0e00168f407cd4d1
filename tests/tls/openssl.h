/* SPDX-License-Identifier: Apache-2.0 */
/*
 * openssl.h - libssl, opened by name: so that one program serves 1.1 and 3, without headers.
 */
#ifndef TELLTALE_TESTS_TLS_OPENSSL_H
#define TELLTALE_TESTS_TLS_OPENSSL_H

#include <dlfcn.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* From OpenSSL's headers, which need not be there. */
typedef struct ssl SSL;
typedef struct ssl_ctx SSL_CTX;
typedef struct ssl_session SSL_SESSION;
typedef struct bio BIO;

#define SSL_ERROR_WANT_READ    2
#define SSL_ERROR_WANT_WRITE   3
#define SSL_CTRL_MODE          33
#define SSL_MODE_PARTIAL_WRITE 1
#define SSL_MODE_MOVING_BUFFER 2
#define SSL_CB_HANDSHAKE_DONE  0x20
#define BIO_C_SET_SSL          109
#define SSL3_RT_HEADER         0x100

typedef void at_message_fn(int, int, int, const void *, size_t, SSL *, void *);

#define FUNCTIONS(F)                                                                               \
	F(void *, TLS_client_method, (void))                                                       \
	F(SSL_CTX *, SSL_CTX_new, (const void *))                                                  \
	F(long, SSL_CTX_ctrl, (SSL_CTX *, int, long, void *))                                      \
	F(void, SSL_CTX_set_info_callback, (SSL_CTX *, void (*)(const SSL *, int, int)))           \
	F(void, SSL_CTX_set_msg_callback, (SSL_CTX *, at_message_fn *))                            \
	F(SSL *, SSL_new, (SSL_CTX *))                                                             \
	F(void, SSL_free, (SSL *))                                                                 \
	F(int, SSL_clear, (SSL *))                                                                 \
	F(int, SSL_shutdown, (SSL *))                                                              \
	F(int, SSL_set_fd, (SSL *, int))                                                           \
	F(void, SSL_set_bio, (SSL *, BIO *, BIO *))                                                \
	F(void, SSL_set_connect_state, (SSL *))                                                    \
	F(int, SSL_do_handshake, (SSL *))                                                          \
	F(int, SSL_get_error, (const SSL *, int))                                                  \
	F(int, SSL_write, (SSL *, const void *, int))                                              \
	F(int, SSL_read, (SSL *, void *, int))                                                     \
	F(int, SSL_write_ex, (SSL *, const void *, size_t, size_t *))                              \
	F(int, SSL_read_ex, (SSL *, void *, size_t, size_t *))                                     \
	F(SSL_SESSION *, SSL_get1_session, (SSL *))                                                \
	F(int, SSL_set_session, (SSL *, SSL_SESSION *))                                            \
	F(int, SSL_session_reused, (const SSL *))                                                  \
	F(int, BIO_new_bio_pair, (BIO **, size_t, BIO **, size_t))                                 \
	F(size_t, BIO_ctrl_pending, (BIO *))                                                       \
	F(size_t, BIO_ctrl_get_write_guarantee, (BIO *))                                           \
	F(int, BIO_read, (BIO *, void *, int))                                                     \
	F(int, BIO_write, (BIO *, const void *, int))                                              \
	F(const void *, BIO_f_ssl, (void))                                                         \
	F(BIO *, BIO_new, (const void *))                                                          \
	F(long, BIO_ctrl, (BIO *, int, long, void *))                                              \
	F(int, BIO_read_ex, (BIO *, void *, size_t, size_t *))                                     \
	F(int, BIO_write_ex, (BIO *, const void *, size_t, size_t *))                              \
	F(int, BIO_free, (BIO *))                                                                  \
	F(unsigned char *, SHA256, (const unsigned char *, size_t, unsigned char *))

#define DECLARE(type, name, args) static type(*name) args;
FUNCTIONS(DECLARE)

__attribute__((noreturn, format(printf, 1, 2))) static inline void die(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	fprintf(stderr, "talker: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, "\n");
	va_end(args);
	_exit(1);
}

/* Opens the library at PATH, or ends the program. */
static inline void openssl_load(const char *path)
{
	void *lib = dlopen(path, RTLD_NOW | RTLD_GLOBAL);

	if (!lib)
		die("%s", dlerror());
#define LOAD(type, name, args)                                                                     \
	name = (type(*) args)dlsym(lib, #name);                                                    \
	if (!name)                                                                                 \
		die("%s", dlerror());
	FUNCTIONS(LOAD)
}

#endif
