/* SPDX-License-Identifier: Apache-2.0 */
#include "base/utf8.h"

#include <stdint.h>

/* A first byte from FIRST to LAST begins a sequence of LEN bytes, whose second byte is SECOND_MIN
 * to SECOND_MAX. The narrower ranges exclude overlong forms, surrogates and code points above
 * U+10FFFF. */
static const struct form {
	uint8_t first, last, len, second_min, second_max;
} forms[] = {
	{0x01, 0x7f, 1, 0x00, 0x00}, {0xc2, 0xdf, 2, 0x80, 0xbf}, {0xe0, 0xe0, 3, 0xa0, 0xbf},
	{0xe1, 0xec, 3, 0x80, 0xbf}, {0xed, 0xed, 3, 0x80, 0x9f}, {0xee, 0xef, 3, 0x80, 0xbf},
	{0xf0, 0xf0, 4, 0x90, 0xbf}, {0xf1, 0xf3, 4, 0x80, 0xbf}, {0xf4, 0xf4, 4, 0x80, 0x8f},
};

size_t utf8_sequence(const char *text)
{
	const uint8_t *s = (const uint8_t *)text;

	for (size_t i = 0; i < sizeof(forms) / sizeof(forms[0]); i++) {
		const struct form *f = &forms[i];

		if (s[0] < f->first || s[0] > f->last)
			continue;
		if (f->len > 1 && (s[1] < f->second_min || s[1] > f->second_max))
			return 0;
		for (size_t k = 2; k < f->len; k++) {
			if (s[k] < 0x80 || s[k] > 0xbf)
				return 0;
		}
		return f->len;
	}
	return 0;
}

void utf8_clean(char *text)
{
	while (*text) {
		size_t len = utf8_sequence(text);

		if (!len) {
			*text = '?';
			len = 1;
		}
		text += len;
	}
}
