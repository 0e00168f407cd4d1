/* SPDX-License-Identifier: Apache-2.0 */
/* params.c - their names, which the configuration needs without the rest. */
#include "privacy/privacy.h"

const char *const privacy_mechanisms[] = {
	[PRIVACY_BUCKET_LAPLACE] = "bucket-laplace",
	[PRIVACY_CONTINUAL] = "continual",
};
