/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as the European Central Bank's XML. */
#include "tests/fuzz/quotes.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	quotes_try(QUOTES_ECB, data, size);
	return 0;
}
