/* SPDX-License-Identifier: Apache-2.0 */
#include "base/escape.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include "base/utf8.h"

/* Unicode's control (Cc), format (Cf), line and paragraph separators (Zl, Zp), and other characters
 * that leave no mark. */
static const struct {
	uint32_t first, last;
} hidden[] = {
	{0x00, 0x1f},       {0x7f, 0x9f},       {0xad, 0xad},       {0x034f, 0x034f},
	{0x0600, 0x0605},   {0x061c, 0x061c},   {0x06dd, 0x06dd},   {0x070f, 0x070f},
	{0x0890, 0x0891},   {0x08e2, 0x08e2},   {0x115f, 0x1160},   {0x17b4, 0x17b5},
	{0x180b, 0x180f},   {0x200b, 0x200f},   {0x2028, 0x202e},   {0x2060, 0x206f},
	{0x3164, 0x3164},   {0xfe00, 0xfe0f},   {0xfeff, 0xfeff},   {0xffa0, 0xffa0},
	{0xfff0, 0xfffb},   {0x110bd, 0x110bd}, {0x110cd, 0x110cd}, {0x13430, 0x1343f},
	{0x1bca0, 0x1bca3}, {0x1d173, 0x1d17a}, {0xe0000, 0xe0fff},
};

static bool is_hidden(uint32_t character)
{
	for (size_t i = 0; i < sizeof(hidden) / sizeof(hidden[0]); i++) {
		if (character >= hidden[i].first && character <= hidden[i].last)
			return true;
	}
	return false;
}

/* The character of a valid sequence of LEN bytes. */
static uint32_t character_of(const char *text, size_t len)
{
	static const uint8_t first[] = {0, 0x7f, 0x1f, 0x0f, 0x07};
	uint32_t c = (uint8_t)text[0] & first[len];

	for (size_t i = 1; i < len; i++)
		c = c << 6 | ((uint8_t)text[i] & 0x3f);
	return c;
}

size_t escape_text(const char *text, char *out, size_t len)
{
	size_t used = 0;

	while (*text) {
		size_t n = utf8_sequence(text), shown;
		uint32_t c = n ? character_of(text, n) : 0;
		char piece[16];

		if (!n || (n == 1 && is_hidden(c)))
			snprintf(piece, sizeof(piece), "\\x%02x", (uint8_t)*text);
		else if (is_hidden(c))
			snprintf(piece, sizeof(piece), "\\u%04x", (unsigned)c);
		else
			snprintf(piece, sizeof(piece), "%.*s", (int)n, text);
		shown = strlen(piece);
		if (used + shown >= len)
			break;
		memcpy(out + used, piece, shown);
		used += shown;
		text += n ? n : 1;
	}
	out[used] = '\0';
	return used;
}
