/* SPDX-License-Identifier: Apache-2.0 */
/*
 * escape.h - makes text that somebody else chose fit for a log or a terminal.
 *
 * A process names itself, and a collector words its own answers: bytes that a terminal obeys, and
 * characters that turn the direction of what follows or are not seen at all, would let them write
 * other lines than telltale's.
 */
#ifndef TELLTALE_ESCAPE_H
#define TELLTALE_ESCAPE_H

#include <stddef.h>

/*
 * Writes TEXT to OUT, at most LEN bytes with the terminating NUL (LEN at least 1): what is shown as
 * it stands, as it stands; a control byte, or one that is no part of a valid UTF-8 sequence, as
 * "\x1b"; a control or format character above ASCII as "\u202e". What does not fit is left out
 * from a whole character on. Text that was escaped already stays as it is. Returns the length of
 * what was written.
 */
size_t escape_text(const char *text, char *out, size_t len);

#endif
