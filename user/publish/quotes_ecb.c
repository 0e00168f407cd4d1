/* SPDX-License-Identifier: Apache-2.0 */
/*
 * quotes_ecb.c - reads the European Central Bank's daily reference rates:
 *
 *   <gesmes:Envelope xmlns:gesmes="http://www.gesmes.org/xml/2002-08-01"
 *                    xmlns="http://www.ecb.int/vocabulary/2002-08-01/eurofxref">
 *     <Cube><Cube time='2026-11-20'>
 *       <Cube currency='USD' rate='1.0928'/>
 *
 * One EUR buys that many of each currency. A document with a document type declaration is refused:
 * it could define entities that expand without limit or read files, and this format has none.
 */
#include "publish/quotes_formats.h"

#include <errno.h>
#include <expat.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "rates/text.h"

#define DEPTH_MAX 8
#define ENVELOPE  "http://www.gesmes.org/xml/2002-08-01|Envelope"
#define CUBE      "http://www.ecb.int/vocabulary/2002-08-01/eurofxref|Cube"

static const struct rate one_eur = {.mantissa = 1, .exponent = 0};

struct reader {
	XML_Parser parser;
	struct quotes *quotes;
	unsigned depth;
	unsigned days;
	struct rate usd; /* one EUR buys this many */
	char *why;
	size_t why_len;
	int error;
};

/* Keeps the first sentence and stops the parser. */
static void refuse(struct reader *r, int error, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

static void refuse(struct reader *r, int error, const char *format, ...)
{
	va_list args;

	if (r->error)
		return;
	r->error = error;
	if (format) {
		va_start(args, format);
		vsnprintf(r->why, r->why_len, format, args);
		va_end(args);
	}
	XML_StopParser(r->parser, XML_FALSE);
}

static const char *attribute(const char *const *attributes, const char *name)
{
	for (; *attributes; attributes += 2) {
		if (!strcmp(attributes[0], name))
			return attributes[1];
	}
	return NULL;
}

static void read_day(struct reader *r, const char *text)
{
	struct tm day = {0}, same;
	const char *end = strptime(text, "%Y-%m-%d", &day);
	time_t start;

	if (++r->days > 1) {
		refuse(r, -EINVAL,
		       "rates of more than one day; the daily document is eurofxref-daily.xml");
		return;
	}
	/* timegm turns a day that the month does not have into another day. */
	same = day;
	start = timegm(&same);
	if (!end || *end || strlen(text) != 10 || start <= 0 || same.tm_mday != day.tm_mday)
		refuse(r, -EINVAL, "'%.20s' is not a day such as 2026-11-20", text);
	else
		r->quotes->dated = start;
}

static void read_rate(struct reader *r, const char *currency, const char *text)
{
	struct rate rate;
	int error;

	if (!r->days || !text) {
		refuse(r, -EINVAL, "%.20s has no %s", currency, text ? "day" : "rate");
		return;
	}
	/* The base's own rate is 1, whatever is written. */
	if (!strcmp(currency, "EUR"))
		return;
	error = rates_text_rate(currency, text, &rate, r->why, r->why_len);
	if (!error && !strcmp(currency, RATES_BASE_CODE)) {
		if (r->usd.mantissa)
			refuse(r, -EINVAL, RATES_BASE_CODE " is there twice");
		r->usd = rate;
		return;
	}
	/* The denominator is known only at the end. */
	if (!error)
		error = quotes_add(r->quotes, currency, rate, one_eur, r->why, r->why_len);
	if (error)
		refuse(r, error, NULL);
}

static void XMLCALL start_element(void *reader, const char *name, const char **attributes)
{
	struct reader *r = reader;
	const char *const *list = (const char *const *)attributes;
	const char *currency, *day;

	/* The parser may make one more call after it was stopped. */
	if (r->error)
		return;
	if (++r->depth > DEPTH_MAX) {
		refuse(r, -EINVAL, "elements are nested deeper than %d", DEPTH_MAX);
		return;
	}
	if (r->depth == 1 && strcmp(name, ENVELOPE) != 0) {
		refuse(r, -EINVAL, "not the European Central Bank's rates: no gesmes:Envelope");
		return;
	}
	if (strcmp(name, CUBE) != 0)
		return;
	currency = attribute(list, "currency");
	day = attribute(list, "time");
	if (day)
		read_day(r, day);
	if (currency)
		read_rate(r, currency, attribute(list, "rate"));
}

static void XMLCALL end_element(void *reader, const char *name)
{
	struct reader *r = reader;

	(void)name;
	r->depth--;
}

static void XMLCALL start_doctype(void *reader, const char *name, const char *system_id,
				  const char *public_id, int internal)
{
	(void)name, (void)system_id, (void)public_id, (void)internal;
	refuse(reader, -EINVAL, "it has a document type, which rates never have");
}

int quotes_parse_ecb(const char *text, size_t len, struct quotes *q, char *why, size_t why_len)
{
	struct reader r = {.quotes = q, .why = why, .why_len = why_len};

	r.parser = XML_ParserCreateNS("UTF-8", '|');
	if (!r.parser) {
		snprintf(why, why_len, "out of memory");
		return -ENOMEM;
	}
	XML_SetUserData(r.parser, &r);
	XML_SetElementHandler(r.parser, start_element, end_element);
	XML_SetStartDoctypeDeclHandler(r.parser, start_doctype);
	if (XML_Parse(r.parser, text, (int)len, XML_TRUE) != XML_STATUS_OK)
		refuse(&r, XML_GetErrorCode(r.parser) == XML_ERROR_NO_MEMORY ? -ENOMEM : -EINVAL,
		       "not XML: %s in line %lu", XML_ErrorString(XML_GetErrorCode(r.parser)),
		       (unsigned long)XML_GetCurrentLineNumber(r.parser));
	if (!r.error && !r.usd.mantissa)
		refuse(&r, -EINVAL, "no rate of " RATES_BASE_CODE " in it");
	XML_ParserFree(r.parser);
	if (r.error)
		return r.error;
	for (size_t i = 0; i < q->len; i++)
		q->items[i].denominator = r.usd;
	return quotes_add(q, "EUR", one_eur, r.usd, why, why_len);
}
