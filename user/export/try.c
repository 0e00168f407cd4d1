/* SPDX-License-Identifier: Apache-2.0 */
/* try.c - one attempt to reach an endpoint, for `telltale check`. */
#include "export/export.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "export/channel.h"
#include "export/thread.h"

struct attempt {
	struct export_channel channel;
	unsigned timeout_ms;
	enum export_signal signal; /* that was sent last */
	struct export_answer answer;
	int err;
};

static void ask(struct attempt *a, grpc_completion_queue *cq, enum export_signal signal)
{
	size_t sent;

	a->signal = signal;
	a->err = export_channel_send(&a->channel, signal, cq, a, NULL, 0, a->timeout_ms, false,
				     &sent);
	if (a->err)
		return;
	grpc_completion_queue_next(cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
	export_channel_finish(&a->channel, &a->answer);
}

static void *attempt_thread(void *arg)
{
	struct attempt *a = arg;
	grpc_completion_queue *cq;

	a->err = export_thread_enter();
	if (a->err)
		return NULL;
	cq = grpc_completion_queue_create_for_next(NULL);
	a->err = export_channel_open(&a->channel, a->answer.words, sizeof(a->answer.words));
	if (!a->err)
		ask(a, cq, EXPORT_METRICS);
	if (!a->err && a->answer.status == GRPC_STATUS_OK && a->channel.endpoint->traces)
		ask(a, cq, EXPORT_TRACES);
	export_channel_fini(&a->channel);
	grpc_completion_queue_shutdown(cq);
	grpc_completion_queue_next(cq, gpr_inf_future(GPR_CLOCK_MONOTONIC), NULL);
	grpc_completion_queue_destroy(cq);
	export_thread_leave();
	return NULL;
}

static int errno_of(grpc_status_code status)
{
	switch (status) {
	case GRPC_STATUS_OK: return 0;
	case GRPC_STATUS_DEADLINE_EXCEEDED: return -ETIMEDOUT;
	case GRPC_STATUS_UNAVAILABLE: return -ENOTCONN;
	case GRPC_STATUS_UNAUTHENTICATED:
	case GRPC_STATUS_PERMISSION_DENIED: return -EACCES;
	default: return -EPROTO;
	}
}

int export_try(const struct config_endpoint *endpoint, unsigned timeout_ms, char *why,
	       size_t why_len)
{
	struct attempt a = {.timeout_ms = timeout_ms};
	pthread_t thread;
	int err;

	err = export_channel_read(&a.channel, endpoint, why, why_len);
	if (err)
		goto out;
	err = export_thread_start(&thread, attempt_thread, &a);
	if (err) {
		snprintf(why, why_len, "cannot start a thread: %s", strerror(-err));
		goto out;
	}
	pthread_join(thread, NULL);
	err = a.err ? a.err : errno_of(a.answer.status);
	snprintf(why, why_len, "%s%s", err && a.signal == EXPORT_TRACES ? "traces: " : "",
		 err && !a.answer.words[0] ? strerror(-err) : a.answer.words);
out:
	export_channel_fini(&a.channel);
	return err;
}
