/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a rate document: it is refused with a reason, or conversion with it works. */
#include <stdlib.h>
#include <string.h>

#include "rates/decimal.c"
#include "rates/document.c"
#include "rates/text.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void must(bool condition)
{
	if (!condition)
		abort();
}

static void try_rate(void *document, const char *code, struct rate rate)
{
	static const uint64_t amounts[] = {0, 1, 1000003, UINT64_MAX / 3, UINT64_MAX};
	struct asset asset;
	uint64_t before = 0;

	must(rate.mantissa && strlen(code) < sizeof(asset.code));
	strcpy(asset.code, code);
	for (unsigned scale = 0; scale <= 38; scale += 19) {
		asset.scale = (uint8_t)scale;
		before = 0;
		/* More of an asset is never worth less. */
		for (size_t i = 0; i < sizeof(amounts) / sizeof(amounts[0]); i++) {
			uint64_t value;
			enum rates_result result =
				rates_document_convert(document, amounts[i], &asset, &value);

			must(result != RATES_SATURATED || value == UINT64_MAX);
			must(result != RATES_UNKNOWN || value == 0);
			must(value >= before);
			must(amounts[i] || !value);
			before = value;
		}
	}
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct rates_document *d = NULL;
	char why[256] = "";

	if (rates_parse((const char *)data, size, &d, why, sizeof(why))) {
		must(!d && why[0]);
		return 0;
	}
	must(strlen(rates_document_base(d)) > 0);
	rates_document_each(d, try_rate, d);
	rates_document_free(d);
	return 0;
}
