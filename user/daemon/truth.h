/* SPDX-License-Identifier: Apache-2.0 */
/*
 * truth.h - exact totals in a file, for tests and the demonstration. They are never exported.
 */
#ifndef TELLTALE_TRUTH_H
#define TELLTALE_TRUTH_H

#include "privacy/privacy.h"

/* For the file's owner alone. Written whole and renamed, so that a reader never sees half of it;
 * what goes wrong is logged. */
void truth_write(const char *path, const struct privacy_truth *truth);

#endif
