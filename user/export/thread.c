/* SPDX-License-Identifier: Apache-2.0 */
#include "export/thread.h"

#include <stdbool.h>
#include <string.h>

#include <grpc/grpc.h>
#include <grpc/support/log.h>

#include "base/log.h"
#include "base/privilege.h"
#include "base/signals.h"

int export_thread_start(pthread_t *thread, void *(*body)(void *), void *arg)
{
	int err = signals_thread(thread, body, arg);

	if (!err)
		pthread_setname_np(*thread, "telltale-export");
	return err;
}

static void grpc_message(gpr_log_func_args *args)
{
	/* For each attempt, without the endpoint: the lane says once what came in its place. */
	bool each_time = strstr(args->message, "Error parsing metadata");
	enum log_level level = args->severity == GPR_LOG_SEVERITY_ERROR && !each_time
				       ? LOG_LEVEL_WARN
				       : LOG_LEVEL_DEBUG;

	/* gRPC's message about an invalid proxy address shows all of it, the password too. */
	const char *proxy = strstr(args->message, "_proxy' env var");
	size_t len = proxy ? strcspn(proxy, ".") + (size_t)(proxy - args->message)
			   : strlen(args->message);

	log_write(level, "grpc", "%.*s", (int)len, args->message);
}

int export_thread_enter(void)
{
	int err = privilege_drop_all();

	if (err)
		return err;
	gpr_set_log_function(grpc_message);
	/* Overrides GRPC_VERBOSITY: gRPC's traces print headers, and tokens with them. */
	gpr_set_log_verbosity(GPR_LOG_SEVERITY_ERROR);
	grpc_init();
	return 0;
}

void export_thread_leave(void)
{
	grpc_shutdown();
}
