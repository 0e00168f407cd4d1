/* SPDX-License-Identifier: Apache-2.0 */
/* params.h - how privacy is set: which mechanism the network gets, and its figures. */
#ifndef TELLTALE_PRIVACY_PARAMS_H
#define TELLTALE_PRIVACY_PARAMS_H

#include <stdint.h>

#include "privacy/bucket_laplace.h"
#include "privacy/budget.h"

/* privacy.h says what each does. */
enum privacy_mechanism { PRIVACY_BUCKET_LAPLACE, PRIVACY_CONTINUAL };

/* As the configuration and the command line write them: "bucket-laplace", "continual". */
extern const char *const privacy_mechanisms[];

struct privacy_params {
	enum privacy_mechanism mechanism;
	struct bucket_laplace bucket;
	struct privacy_budget budget; /* of continual */
	uint64_t cardinality_limit;   /* of the registry: series of one metric; 0: SERIES_LIMIT */
};

#define PRIVACY_PARAMS_DEFAULT                                                                     \
	{                                                                                          \
		.bucket = BUCKET_LAPLACE_DEFAULT, .budget = BUDGET_DEFAULT                         \
	}

#endif
