/* SPDX-License-Identifier: Apache-2.0 */
#include "base/procname.h"

#include <stdio.h>
#include <string.h>

void procname_read(pid_t pid, char *out, size_t len)
{
	char path[64];
	FILE *f;

	snprintf(path, sizeof(path), "/proc/%d/comm", (int)pid);
	f = fopen(path, "re");
	if (f && fgets(out, (int)len, f))
		out[strcspn(out, "\n")] = '\0';
	if (f)
		fclose(f);
}
