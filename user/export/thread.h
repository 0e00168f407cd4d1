/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread.h - the thread that runs gRPC. Neither it nor the threads that gRPC starts from it receive
 * signals or have capabilities.
 */
#ifndef TELLTALE_EXPORT_THREAD_H
#define TELLTALE_EXPORT_THREAD_H

#include <pthread.h>

/* Runs BODY with every signal blocked: only the event loop handles signals. 0 or -errno. */
int export_thread_start(pthread_t *thread, void *(*body)(void *), void *arg);

/* Called first in the thread: gives up its capabilities, then starts gRPC. gRPC's messages go to
 * log.h, one level lower. 0 or -errno; after an error gRPC is not started. */
int export_thread_enter(void);
/* Called last in the thread: stops gRPC. */
void export_thread_leave(void);

#endif
