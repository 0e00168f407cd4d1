/* SPDX-License-Identifier: Apache-2.0 */
#include "exchange/fulfillment.h"

#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

struct fulfillment {
	struct siphash_key key;
	EVP_MD *sha256; /* looked up once: that takes longer than to hash 32 bytes */
	EVP_MD_CTX *context;
};

struct fulfillment *fulfillment_new(const struct siphash_key *session)
{
	struct fulfillment *f = calloc(1, sizeof(*f));

	if (!f)
		return NULL;
	f->key = *session;
	f->sha256 = EVP_MD_fetch(NULL, "SHA256", NULL);
	f->context = EVP_MD_CTX_new();
	if (!f->sha256 || !f->context) {
		fulfillment_free(f);
		return NULL;
	}
	return f;
}

void fulfillment_free(struct fulfillment *f)
{
	if (!f)
		return;
	EVP_MD_CTX_free(f->context);
	EVP_MD_free(f->sha256);
	explicit_bzero(&f->key, sizeof(f->key));
	free(f);
}

static uint64_t little_endian(const uint8_t bytes[8])
{
	uint64_t word = 0;

	for (unsigned i = 8; i-- > 0;)
		word = word << 8 | bytes[i];
	return word;
}

uint64_t fulfillment_condition(const struct fulfillment *f,
			       const uint8_t fulfillment[FULFILLMENT_LEN])
{
	uint8_t condition[EVP_MAX_MD_SIZE];
	struct siphash s;

	if (!EVP_DigestInit_ex(f->context, f->sha256, NULL) ||
	    !EVP_DigestUpdate(f->context, fulfillment, FULFILLMENT_LEN) ||
	    !EVP_DigestFinal_ex(f->context, condition, NULL))
		return 0;
	siphash_begin(&s, &f->key);
	for (unsigned i = 0; i < FULFILLMENT_LEN; i += 8)
		siphash_word(&s, little_endian(condition + i));
	return siphash_end(&s, 0, FULFILLMENT_LEN);
}
