/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a merchant's values. */
#include "tests/fuzz/quotes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	quotes_try(QUOTES_MERCHANT, data, size);
	return 0;
}
