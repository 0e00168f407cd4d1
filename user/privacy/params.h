/* SPDX-License-Identifier: Apache-2.0 */
/* params.h - the parameters of privacy: which mechanism the network's figures go through, and its
 * settings. */
#ifndef TELLTALE_PRIVACY_PARAMS_H
#define TELLTALE_PRIVACY_PARAMS_H

#include <stdint.h>

#include "privacy/bucket_laplace.h"
#include "privacy/budget.h"

/* privacy.h describes them. */
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
