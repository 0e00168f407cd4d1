/* SPDX-License-Identifier: Apache-2.0 */
#include "publish/s3.h"

#include <ctype.h>
#include <curl/curl.h>
#include <errno.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/fetch.h"
#include "publish/s3_credentials.h"

#define ERROR_MAX     8192 /* bytes of an error's document that are read */
#define HASH_TEXT_MAX 65   /* of a SHA-256 in hexadecimal digits */

struct s3 {
	struct s3_credentials who;
	char *url;       /* of the object */
	char *signing;   /* for CURLOPT_AWS_SIGV4: provider, region, service */
	char *authority; /* PEM file of certificate authorities; NULL: the system's */
	bool public_read;
	unsigned timeout_ms;
};

/* One request's answer. */
struct answer {
	char *body;
	size_t len, max;
	bool too_large, versioned;
	long status;
};

/* --- where --- */

static bool is_bucket(const char *bucket, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		if (!islower((unsigned char)bucket[i]) && !isdigit((unsigned char)bucket[i]) &&
		    bucket[i] != '-' && bucket[i] != '.')
			return false;
	}
	return len >= 3 && len <= 63;
}

/* Whether KEY needs no escapes in a URL. libcurl signs the path as it is written, but S3 computes
 * the signature of the escaped path. */
static bool is_key(const char *key)
{
	size_t len = strlen(key);

	for (const char *c = key; *c; c++) {
		if (!isalnum((unsigned char)*c) && !strchr("-._~/", *c))
			return false;
	}
	/* A part that begins with a dot may be "." or "..", which a URL drops. */
	return len && len <= 1024 && *key != '/' && *key != '.' && !strstr(key, "//") &&
	       !strstr(key, "/.");
}

static bool is_region(const char *region)
{
	for (const char *c = region; *c; c++) {
		if (!isalnum((unsigned char)*c) && *c != '-' && *c != '_')
			return false;
	}
	return *region;
}

static const char *variable(const char *name)
{
	const char *value = getenv(name);

	return value && *value ? value : NULL;
}

static int refuse_url(const char *url, char *why, size_t why_len)
{
	snprintf(why, why_len,
		 "'%.120s' is not s3://BUCKET/KEY with a key of letters, digits and - . _ ~ /",
		 url);
	return -EINVAL;
}

static int make_url(struct s3 *s, const char *bucket, size_t bucket_len, const char *key,
		    const char *endpoint, char *why, size_t why_len)
{
	int len = (int)bucket_len, n;

	if (!endpoint)
		endpoint = variable("AWS_ENDPOINT_URL_S3");
	if (!endpoint)
		endpoint = variable("AWS_ENDPOINT_URL");
	if (!s->who.region && !endpoint) {
		snprintf(why, why_len, "no region; give --region, or set AWS_REGION");
		return -EINVAL;
	}
	if (s->who.region && !is_region(s->who.region)) {
		snprintf(why, why_len, "'%.60s' is not a region such as eu-central-1",
			 s->who.region);
		return -EINVAL;
	}
	if (endpoint && strncasecmp(endpoint, "http://", 7) != 0 &&
	    strncasecmp(endpoint, "https://", 8) != 0) {
		snprintf(why, why_len, "the endpoint '%.120s' is not an http or https URL",
			 endpoint);
		return -EINVAL;
	}
	if (endpoint) {
		n = asprintf(&s->url, "%.*s/%.*s/%s",
			     (int)(strlen(endpoint) - (endpoint[strlen(endpoint) - 1] == '/')),
			     endpoint, len, bucket, key);
	} else if (memchr(bucket, '.', bucket_len)) {
		/* A bucket with dots goes into the path: no certificate fits such a host name. */
		n = asprintf(&s->url, "https://s3.%s.amazonaws.com/%.*s/%s", s->who.region, len,
			     bucket, key);
	} else {
		n = asprintf(&s->url, "https://%.*s.s3.%s.amazonaws.com/%s", len, bucket,
			     s->who.region, key);
	}
	if (n < 0)
		s->url = NULL;
	if (n >= 0 &&
	    asprintf(&s->signing, "aws:amz:%s:s3", s->who.region ? s->who.region : "us-east-1") < 0)
		s->signing = NULL;
	if (s->url && s->signing)
		return 0;
	snprintf(why, why_len, "out of memory");
	return -ENOMEM;
}

int s3_open(const char *url, const struct s3_config *config, struct s3 **out, char *why,
	    size_t why_len)
{
	const char *bucket = strncasecmp(url, "s3://", 5) ? NULL : url + 5;
	const char *key = bucket ? strchr(bucket, '/') : NULL;
	const char *authority = variable("AWS_CA_BUNDLE");
	struct s3 *s;
	int error;

	if (!key || !is_bucket(bucket, (size_t)(key - bucket)) || !is_key(key + 1))
		return refuse_url(url, why, why_len);
	s = calloc(1, sizeof(*s));
	if (s && authority)
		s->authority = strdup(authority);
	if (!s || (authority && !s->authority)) {
		free(s);
		snprintf(why, why_len, "out of memory");
		return -ENOMEM;
	}
	s->public_read = config->public_read;
	s->timeout_ms = config->timeout_ms;
	error = s3_credentials_load(config->profile, config->region, &s->who, why, why_len);
	if (!error)
		error = make_url(s, bucket, (size_t)(key - bucket), key + 1, config->endpoint, why,
				 why_len);
	if (error)
		s3_close(s);
	else
		*out = s;
	return error;
}

void s3_close(struct s3 *s)
{
	if (!s)
		return;
	s3_credentials_fini(&s->who);
	free(s->url);
	free(s->signing);
	free(s->authority);
	free(s);
}

/* --- requests --- */

static size_t receive(char *data, size_t size, size_t n, void *answer)
{
	struct answer *a = answer;
	size_t bytes = size * n;
	char *grown;

	if (bytes > a->max - a->len) {
		a->too_large = true;
		return CURL_WRITEFUNC_ERROR;
	}
	grown = realloc(a->body, a->len + bytes + 1);
	if (!grown)
		return CURL_WRITEFUNC_ERROR;
	a->body = grown;
	memcpy(a->body + a->len, data, bytes);
	a->len += bytes;
	a->body[a->len] = '\0';
	return bytes;
}

static size_t receive_header(char *data, size_t size, size_t n, void *answer)
{
	static const char name[] = "x-amz-version-id:";
	struct answer *a = answer;
	size_t len = size * n, at = sizeof(name) - 1;

	if (len <= at || strncasecmp(data, name, at) != 0)
		return len;
	while (at < len && isspace((unsigned char)data[at]))
		at++;
	while (len > at && isspace((unsigned char)data[len - 1]))
		len--;
	/* A bucket with suspended versioning answers "null". */
	a->versioned = len > at && (len - at != 4 || memcmp(data + at, "null", 4) != 0);
	return size * n;
}

static struct curl_slist *append(struct curl_slist *list, const char *line, bool *good)
{
	struct curl_slist *longer = *good ? curl_slist_append(list, line) : NULL;

	*good = longer != NULL;
	return longer ? longer : list;
}

static bool hash(const char *body, size_t len, char out[HASH_TEXT_MAX])
{
	unsigned char digest[EVP_MAX_MD_SIZE];
	unsigned digest_len = 0;

	if (!EVP_Digest(body, len, digest, &digest_len, EVP_sha256(), NULL))
		return false;
	for (size_t i = 0; i < digest_len; i++)
		snprintf(out + 2 * i, 3, "%02x", digest[i]);
	return true;
}

/* The headers of a PUT of BODY; BODY NULL: of a GET. Returns NULL when out of memory. */
static struct curl_slist *make_headers(const struct s3 *s, const char *body, size_t len)
{
	char digest[HASH_TEXT_MAX], line[HASH_TEXT_MAX + 24];
	struct curl_slist *list = NULL;
	char *token = NULL;
	bool good = hash(body ? body : "", len, digest);

	/* Servers require this header. libcurl 7.88 signs it but does not add it by itself. */
	snprintf(line, sizeof(line), "x-amz-content-sha256: %s", good ? digest : "");
	list = append(list, line, &good);
	if (body)
		list = append(list, "Content-Type: application/json", &good);
	if (body && s->public_read)
		list = append(list, "x-amz-acl: public-read", &good);
	if (s->who.token) {
		good = asprintf(&token, "x-amz-security-token: %s", s->who.token) >= 0 && good;
		list = append(list, token, &good);
		if (good)
			explicit_bzero(token, strlen(token));
		free(token);
	}
	if (good)
		return list;
	curl_slist_free_all(list);
	return NULL;
}

static CURLcode set_options(CURL *easy, const struct s3 *s, struct answer *a, char *error_text)
{
	CURLcode e = (CURLcode)fetch_set_proxy(easy, s->url);

#define SET(option, value)                                                                         \
	do {                                                                                       \
		if (!e)                                                                            \
			e = curl_easy_setopt(easy, option, value);                                 \
	} while (0)
	SET(CURLOPT_URL, s->url);
	SET(CURLOPT_USERAGENT, "telltale/" TELLTALE_VERSION);
	SET(CURLOPT_PROTOCOLS_STR, "http,https");
	SET(CURLOPT_AWS_SIGV4, s->signing);
	SET(CURLOPT_USERNAME, s->who.key);
	SET(CURLOPT_PASSWORD, s->who.secret);
	SET(CURLOPT_TIMEOUT_MS, (long)s->timeout_ms);
	SET(CURLOPT_WRITEFUNCTION, receive);
	SET(CURLOPT_WRITEDATA, a);
	SET(CURLOPT_HEADERFUNCTION, receive_header);
	SET(CURLOPT_HEADERDATA, a);
	SET(CURLOPT_ERRORBUFFER, error_text);
	SET(CURLOPT_NOSIGNAL, 1L);
	if (s->authority)
		SET(CURLOPT_CAINFO, s->authority);
#undef SET
	return e;
}

/* Sends a PUT of BODY; BODY NULL: a GET. 0: the answer has a status and a body. */
static int request(const struct s3 *s, const char *body, size_t len, struct answer *a, char *why,
		   size_t why_len)
{
	char error_text[CURL_ERROR_SIZE] = "";
	struct curl_slist *headers = make_headers(s, body, len);
	CURLcode e = CURLE_OUT_OF_MEMORY;
	CURL *easy;

	fetch_begin();
	easy = curl_easy_init();
	if (!easy || !headers || set_options(easy, s, a, error_text) ||
	    curl_easy_setopt(easy, CURLOPT_HTTPHEADER, headers))
		goto out;
	/* libcurl can sign posted fields, because it has all of them at the start; of an upload it
	 * does not. */
	if (body && (curl_easy_setopt(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)len) ||
		     curl_easy_setopt(easy, CURLOPT_POSTFIELDS, body) ||
		     curl_easy_setopt(easy, CURLOPT_CUSTOMREQUEST, "PUT")))
		goto out;
	e = curl_easy_perform(easy);
	if (!e)
		curl_easy_getinfo(easy, CURLINFO_RESPONSE_CODE, &a->status);
out:
	curl_slist_free_all(headers);
	curl_easy_cleanup(easy);
	if (a->too_large)
		snprintf(why, why_len, "the object is larger than %zu bytes", a->max);
	else if (e)
		snprintf(why, why_len, "%s", error_text[0] ? error_text : curl_easy_strerror(e));
	return !e ? 0 : a->too_large ? -EFBIG : e == CURLE_OUT_OF_MEMORY ? -ENOMEM : -EIO;
}

/* --- what a server says is wrong --- */

static const struct {
	const char *code, *fix;
} fixes[] = {
	{"SignatureDoesNotMatch", "the secret key is not the one of this access key"},
	{"InvalidAccessKeyId", "the server does not know this access key"},
	{"InvalidToken", "AWS_SESSION_TOKEN does not belong to this access key"},
	{"ExpiredToken", "the session has expired; get new credentials"},
	{"RequestTimeTooSkewed", "this host's clock is wrong; set it"},
	{"NoSuchBucket", "make the bucket first"},
	{"AuthorizationHeaderMalformed", "the bucket is in another region; give --region"},
	{"PermanentRedirect", "the bucket is in another region; give --region"},
	{"AccessControlListNotSupported", "the bucket does not allow access lists; leave "
					  "--public-read out and let a bucket policy allow "
					  "s3:GetObject"},
	{"AccessDenied",
	 "these credentials may not do that: they need s3:GetObject, s3:PutObject and, for an "
	 "object that is not there yet, s3:ListBucket (or --no-previous once); --public-read "
	 "needs s3:PutObjectAcl"},
};

/* Copies the text after TAG in an error's document, as far as it is plain text. */
static void error_text(const struct answer *a, const char *tag, char *text, size_t text_len)
{
	const char *at = a->body ? strstr(a->body, tag) : NULL;
	size_t n = 0;

	if (at) {
		for (at += strlen(tag); *at >= ' ' && *at <= '~' && *at != '<' && n + 1 < text_len;
		     at++)
			text[n++] = *at;
	}
	text[n] = '\0';
}

static int refused(const struct answer *a, char *why, size_t why_len)
{
	char code[48], message[160];
	const char *fix = NULL;

	error_text(a, "<Code>", code, sizeof(code));
	error_text(a, "<Message>", message, sizeof(message));
	for (size_t i = 0; i < sizeof(fixes) / sizeof(fixes[0]); i++) {
		if (!strcmp(code, fixes[i].code))
			fix = fixes[i].fix;
	}
	if (!fix)
		fix = message;
	snprintf(why, why_len, "the server answered with HTTP status %ld%s%s%s%s", a->status,
		 code[0] ? ", " : "", code, *fix ? ": " : "", fix);
	/* Servers answer 404 for other reasons too. */
	if (a->status == 404 && !strcmp(code, "NoSuchKey"))
		return -ENOENT;
	return a->status == 401 || a->status == 403 ? -EACCES : -EPROTO;
}

int s3_get(struct s3 *s, size_t max, char **body, size_t *len, char *why, size_t why_len)
{
	struct answer a = {.max = max > ERROR_MAX ? max : ERROR_MAX};
	int error = request(s, NULL, 0, &a, why, why_len);

	if (!error && a.status != 200)
		error = refused(&a, why, why_len);
	if (!error && !a.body)
		a.body = calloc(1, 1);
	if (!error && (!a.body || a.len > max)) {
		error = a.body ? -EFBIG : -ENOMEM;
		snprintf(why, why_len, a.body ? "the object is too large" : "out of memory");
	}
	if (error) {
		free(a.body);
		return error;
	}
	*body = a.body;
	*len = a.len;
	return 0;
}

int s3_put(struct s3 *s, const char *body, size_t len, bool *versioned, char *why, size_t why_len)
{
	struct answer a = {.max = ERROR_MAX};
	int error = request(s, body, len, &a, why, why_len);

	if (!error && a.status != 200)
		error = refused(&a, why, why_len);
	*versioned = a.versioned;
	free(a.body);
	/* -ENOENT is for reading: writing does not need the object to exist. */
	return error == -ENOENT ? -EPROTO : error;
}
