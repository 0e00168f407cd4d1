/* SPDX-License-Identifier: Apache-2.0 */
/*
 * thread.h - the thread that speaks gRPC: no signal reaches it and it has no capability,
 * nor have the threads that gRPC starts from it.
 */
#ifndef TELLTALE_EXPORT_THREAD_H
#define TELLTALE_EXPORT_THREAD_H

#include <pthread.h>

/* Runs BODY with every signal blocked: signals are the event loop's. 0 or -errno. */
int export_thread_start(pthread_t *thread, void *(*body)(void *), void *arg);

/* First thing in the thread: gives up its capabilities, then starts gRPC with its messages routed
 * to log.h, one level lower. 0 or -errno; after an error gRPC is not started. */
int export_thread_enter(void);
/* Last thing: ends gRPC. */
void export_thread_leave(void);

#endif
