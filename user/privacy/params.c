/* SPDX-License-Identifier: Apache-2.0 */
#include "privacy/params.h"

const char *const privacy_mechanisms[] = {
	[PRIVACY_BUCKET_LAPLACE] = "bucket-laplace",
	[PRIVACY_CONTINUAL] = "continual",
};
