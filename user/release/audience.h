/* SPDX-License-Identifier: Apache-2.0 */
/* audience.h - who may receive a figure. */
#ifndef TELLTALE_AUDIENCE_H
#define TELLTALE_AUDIENCE_H

/* Bits of what an endpoint receives. An endpoint of audience OWN receives both. */
enum audience { AUDIENCE_NETWORK = 1, AUDIENCE_OWN = 2 };

#endif
