/* SPDX-License-Identifier: Apache-2.0 */
/*
 * words.h - one table for each vocabulary: the values that a metric's label can have, and what they
 * mean.
 *
 * Metrics, the history's columns, the local page, `telltale top`, the log and the truth file take
 * their words from here. This file has only macros, because the page's script is made from it too
 * (page_words.js.in). vocabulary.h makes C of them.
 *
 * WORD(id, label, loss[, brief, name, why[, log]])
 *   id     makes the constant: RECORD_GAP_HOLE, OUTCOME_EXPIRED, OPAQUE_HTTP2 ...
 *   label  what exports, the history's columns and the page's JSON contain; never changed
 *   loss   LOSS: what is counted under this label is missing in the totals; else NO_LOSS. It
 *          matters for the metrics that are BY_LABEL in metrics.h.
 *   brief  in `telltale top`
 *   name, why  on the page; each is one string, as JavaScript does not join them
 *   log    in the log
 */
#ifndef TELLTALE_WORDS_H
#define TELLTALE_WORDS_H

/* clang-format off */

/* How an exchange ended. enum outcome has this order. */
#define OUTCOME_WORDS(WORD) \
	WORD(FULFILLED, "fulfilled", NO_LOSS, "fulfilled", "Fulfilled", "the amount moved") \
	WORD(REJECTED, "rejected", NO_LOSS, "rejected", "Rejected", "a Reject came back") \
	/* After the Prepare's expiry: nothing moved. */ \
	WORD(EXPIRED, "expired", NO_LOSS, "expired", "Expired", "the Fulfill came too late") \
	/* Its fulfillment does not hash to the condition: nothing moved. */ \
	WORD(MISMATCH, "mismatch", NO_LOSS, "mismatch", "Mismatch", "the Fulfill does not fit the condition") \
	/* Until 30 s after the expiry: nothing moved, and nothing was missed. */ \
	WORD(UNANSWERED, "unanswered", NO_LOSS, "no answer", "No answer", "the peer never answered") \
	/* A status other than 200. */ \
	WORD(HTTP_ERROR, "http_error", NO_LOSS, "HTTP error", "HTTP error", "answered without a packet") \
	WORD(NOT_ILP, "not_ilp", NO_LOSS, "no packet", "No packet", "answered 200, but not with ILP") \
	WORD(CLOSED, "closed", NO_LOSS, "closed", "Closed", "the connection ended first") \
	/* LOST_WORDS say why. The cause is counted as a loss separately. */ \
	WORD(LOST, "lost", NO_LOSS, "not seen", "Not seen", "telltale missed how it ended")

/* Why an outcome was not seen. enum lost has this order. */
#define LOST_WORDS(WORD) \
	WORD(GAP, "gap", NO_LOSS)           /* bytes were missing where replies come on its connection */ \
	WORD(RING, "ring", NO_LOSS)         /* records found no room while it was open */ \
	WORD(EVICTED, "evicted", NO_LOSS)   /* the table was full */ \
	WORD(REPLACED, "replaced", LOSS) /* another Prepare came in its place */ \
	WORD(TIMEOUT, "timeout", LOSS)   /* no reply for a minute, and it may still come */ \
	WORD(SHUTDOWN, "shutdown", NO_LOSS) /* telltale ended first */ \
	WORD(OPAQUE, "opaque", NO_LOSS)     /* its connection changed to a protocol that is not read */ \
	WORD(ENCODED, "encoded", NO_LOSS)   /* its reply has a Content-Encoding */ \
	/* On a connection that was open before telltale read it, or of which bytes were missed, nothing
	 * proved which reply is whose. */ \
	WORD(UNSURE, "unsure", LOSS)

/* Whose payment it is, as seen from the target. enum origin has this order. */
#define ORIGIN_WORDS(WORD) \
	WORD(UNKNOWN, "unknown", NO_LOSS)       /* it may have been forwarded: DOUBT_WORDS say why */ \
	WORD(ORIGINATED, "originated", NO_LOSS) /* the target started it: the network's volume */ \
	WORD(FORWARDED, "forwarded", NO_LOSS)   /* an incoming Prepare had the same condition */ \
	WORD(RECEIVED, "received", NO_LOSS)     /* came in and ended here, as far as was seen */ \
	/* The same Prepare on a second connection of the target, or a retry. */ \
	WORD(PROXY_COPY, "proxy_copy", NO_LOSS)

/*
 * Why something that came into a target may not have been read whole, so that what it sends may be
 * forwarded: enum doubt_cause. WORD(id, label, loss, log): log follows the target's name.
 */
#define DOUBT_WORDS(WORD) \
	WORD(GAP, "gap", LOSS, "bytes that came in on one of its connections could not be read") \
	WORD(FULL, "full", LOSS, "a table was full, so that not all that came in was followed") \
	WORD(RING, "ring", LOSS, "records found no room in the ring") \
	WORD(UNREAD_LISTENER, "unread_listener", LOSS, "it accepts connections that cannot be read") \
	WORD(ENCODED, "encoded", LOSS, "a request came in with a Content-Encoding") \
	WORD(HTTP2, "http2", LOSS, "it accepts ILP in HTTP/2 on a connection that is not followed") \
	WORD(UNIX_LISTENER, "unix_listener", LOSS, \
	     "it accepts connections on a Unix socket, which is not read") \
	WORD(OTHER_CGROUP, "other_cgroup", LOSS, \
	     "it uses sockets that were made outside of its cgroup, which are not read") \
	WORD(BYPASSED, "bypassed", LOSS, "bytes got to it past the socket tap") \
	/* An incoming Prepare was read late, and no answer says whether it was the first. */ \
	WORD(PAIRING, "pairing", LOSS, "it cannot be said which of two requests came first") \
	/* What the daemon half before had read, this one does not know; nor what a probe half that was
	 * killed would have found. */ \
	WORD(RESTART, "restart", LOSS, "a half of telltale was killed, or the daemon half replaced while this target was in doubt")

/* Types of records: enum record_type. */
#define RECORD_WORDS(WORD) \
	WORD(MESSAGE, "message", NO_LOSS) \
	WORD(ENDPOINT, "endpoint", NO_LOSS) \
	WORD(FLOW_CLOSE, "flow_close", NO_LOSS) \
	WORD(GAP, "gap", NO_LOSS) /* its cause decides whether it is a loss */ \
	WORD(OPAQUE, "opaque", NO_LOSS) /* its reason decides likewise */ \
	WORD(EXEC, "exec", NO_LOSS) \
	WORD(TLS, "tls", NO_LOSS) \
	WORD(UNSEEN, "unseen", NO_LOSS) /* counted as opaque connections */

/* Records that were refused. Their words follow those of the types. */
#define REFUSED_WORDS(WORD) \
	WORD(UNKNOWN, "unknown", NO_LOSS) /* of a type this version does not know: skipped */ \
	WORD(INVALID, "invalid", LOSS)    /* another version, a wrong size or impossible fields */

/* Why bytes of a followed connection could not be read: enum record_gap_cause. The page shows them
 * in this order. */
#define GAP_WORDS(WORD) \
	WORD(HOLE, "hole", LOSS, "bytes missed", "Bytes missed", \
	     "the connection got them, telltale did not") \
	WORD(REORDER, "reorder", LOSS, "out of order", "Out of order", \
	     "came too early, and there was no room to wait") \
	WORD(HTTP, "http", LOSS, "unclear HTTP", "Unclear HTTP", \
	     "a head that implementations read differently, or none") \
	WORD(COMPLEX, "complex", LOSS, "too many parts", "Too many parts", \
	     "more messages in one segment than are looked at") \
	WORD(LOAD, "load", LOSS, "two processors", "Two processors", \
	     "handled one connection at once") \
	WORD(FULL, "full", LOSS, "no room", "No room", \
	     "more connections at once than are followed (tls_connections)") \
	WORD(ENCODED, "encoded", LOSS, "encoded", "Encoded", \
	     "a body that may be ILP has a Content-Encoding: let the proxy before it not compress")

/* Why a connection in scope cannot be read: enum opaque_reason. */
#define OPAQUE_WORDS(WORD) \
	WORD(NO_LIBRARY, "tls-no-library", LOSS, "TLS of its own", "TLS of its own", \
	     "Go, Java, rustls, or OpenSSL without symbols: let it speak plain HTTP to a local proxy", \
	     "its TLS is not OpenSSL with symbols; let it speak plain HTTP to a local proxy that " \
	     "does the TLS") \
	WORD(UNATTACHED, "tls-unattached", LOSS, "TLS not reached", "TLS not reached", \
	     "its library could not be attached to; the log says why", \
	     "its TLS library could not be attached to") \
	WORD(REFUSED, "tls-refused", LOSS, "TLS refused", "TLS refused", \
	     "this kernel lets nobody read TLS libraries", \
	     "the kernel refuses the programs that read TLS; `telltale check` says why") \
	WORD(SECCOMP, "tls-seccomp", LOSS, "TLS seccomp", "TLS under seccomp", \
	     "this kernel would kill the process; take a newer one", \
	     "it is under a seccomp filter, and this kernel would kill it; run a kernel with the " \
	     "fix (6.12.14, 6.13.3, 6.14 or newer)") \
	WORD(UNMATCHED, "tls-unmatched", LOSS, "TLS beside", "TLS beside the one that is read", \
	     "another library in the same process, or begun before the library was found", \
	     "its TLS library is read, but these go through another one in the same process, or " \
	     "began before it was found") \
	WORD(UNKNOWN_OWNER, "tls-unknown-owner", LOSS, "TLS owner?", "TLS owner unknown", \
	     "the process was gone before it could be found", \
	     "the connection was gone, or others took too long to look up, before its owner was found") \
	WORD(HTTP2, "http2", LOSS, "HTTP/2", "HTTP/2", \
	     "ILP goes by in it, not followed: no room, or open before", \
	     "ILP goes by in HTTP/2 on connections that were open before it was followed, or that " \
	     "there is no room to follow; let it connect anew") \
	WORD(UPGRADED, "upgraded", LOSS, "other protocol", "Other protocol", \
	     "after 101 or CONNECT the connection speaks something else", \
	     "they went over from HTTP/1.1 to another protocol or to a tunnel, which is left alone; " \
	     "let ILP packets go by POST") \
	WORD(UNIX, "unix", LOSS, "Unix socket", "Unix socket", \
	     "accepted from outside the target: let it listen on 127.0.0.1", \
	     "Unix sockets are not read; let it listen on 127.0.0.1") \
	WORD(OTHER_CGROUP, "other-cgroup", LOSS, "other cgroup", "Other cgroup", \
	     "the socket was made outside the target: start the process inside it", \
	     "their sockets were made outside of its cgroup; start the process inside it") \
	WORD(BYPASSED, "bypassed", LOSS, "past the tap", "Past the tap", \
	     "the kernel delivered bytes that telltale did not see", \
	     "the kernel delivered bytes on them that the socket tap has not seen, or a sockmap " \
	     "takes them past TCP")

/* Tables that push out an entry when they are full: enum evicted_table. */
#define EVICTED_WORDS(WORD) \
	WORD(EXCHANGES, "exchanges", LOSS) \
	WORD(CONDITIONS, "conditions", LOSS) \
	WORD(PAYMENTS, "payments", LOSS)

/* What went wrong with the state of the continual mechanism: enum state_event. */
#define STATE_WORDS(WORD) \
	WORD(CORRUPT, "corrupt", NO_LOSS) /* damaged, of another version, or not a regular file */ \
	WORD(FOREIGN, "foreign", NO_LOSS) /* another host wrote it */ \
	WORD(OLDER, "older", NO_LOSS)     /* copied, put back or touched since it was written */ \
	WORD(DROPPED, "dropped", NO_LOSS) /* a node that was never released */ \
	WORD(UNSAVED, "unsaved", NO_LOSS) /* an attempt to save failed */

/* What went wrong with the file of the history: enum history_event. */
#define HISTORY_WORDS(WORD) \
	WORD(CORRUPT, "corrupt", NO_LOSS) /* damaged: set aside */ \
	WORD(FOREIGN, "foreign", NO_LOSS) /* not ours: set aside */ \
	WORD(UNSAVED, "unsaved", NO_LOSS) /* a write failed */

/* Packets, and what their stream proved to be. */
#define KIND_WORDS(WORD) \
	WORD(PREPARE, "prepare", NO_LOSS) \
	WORD(FULFILL, "fulfill", NO_LOSS) \
	WORD(REJECT, "reject", NO_LOSS)
#define STREAM_WORDS(WORD) \
	WORD(PAYMENT, "payment", NO_LOSS) \
	WORD(PROBE, "probe", NO_LOSS)

/* What the target did about a Prepare, as Rafiki names it. */
#define OPERATION_WORDS(WORD) \
	WORD(INCOMING, "incoming_payment", NO_LOSS) \
	WORD(OUTGOING, "outgoing_payment", NO_LOSS) \
	WORD(ROUTING, "routing", NO_LOSS) \
	WORD(UNKNOWN, "unknown", NO_LOSS)

/* Why a fulfilled packet has no value. */
#define UNVALUED_WORDS(WORD) \
	WORD(UNATTRIBUTED, "unattributed", NO_LOSS) \
	WORD(UNCONVERTED, "unconverted", NO_LOSS)

/* Why it is not known what was earned with a forwarded packet. */
#define SPREAD_UNKNOWN_WORDS(WORD) \
	WORD(UNATTRIBUTED, "unattributed", NO_LOSS) \
	WORD(UNCONVERTED, "unconverted", NO_LOSS) \
	WORD(EVICTED, "evicted", NO_LOSS)

/* HTTP statuses without packet, by class. */
#define STATUS_WORDS(WORD) \
	WORD(2XX, "2xx", NO_LOSS) \
	WORD(3XX, "3xx", NO_LOSS) \
	WORD(4XX, "4xx", NO_LOSS) \
	WORD(5XX, "5xx", NO_LOSS) \
	WORD(OTHER, "other", NO_LOSS)

/* Whose rates: enum rates_source. */
#define DOCUMENT_WORDS(WORD) \
	WORD(OPERATOR, "operator", NO_LOSS) \
	WORD(NETWORK, "network", NO_LOSS)

/* Where a packet's time went, when its connector had nothing else in hand: they sum to it. */
#define COLUMN_WORDS(WORD) \
	WORD(RECEIVE, "receive_wait", NO_LOSS)       /* until all of the Prepare has been read */ \
	WORD(ON_CPU, "on_cpu", NO_LOSS)              /* inside the connector, its thread ran, */ \
	WORD(WAITING, "waiting_for_cpu", NO_LOSS)    /* could run and did not, */ \
	WORD(DEPENDENCIES, "dependencies", NO_LOSS)  /* waited for the answer of a dependency, */ \
	WORD(NOT_RUNNABLE, "not_runnable", NO_LOSS)  /* or for something that was not seen */ \
	WORD(PEER, "peer_and_wire", NO_LOSS)         /* until all of the reply has come */ \
	WORD(REPLY, "reply_wait", NO_LOSS)           /* until the connector reads that */

/* Whether a packet's time was split into these, or why not: enum hop_split. */
#define SPLIT_WORDS(WORD) \
	WORD(SPLIT, "split", NO_LOSS) \
	WORD(NOT_ALONE, "not_alone", NO_LOSS)      /* others were in hand in its process */ \
	WORD(NO_CLOCK, "no_clock", NO_LOSS)        /* the thread's clock did not run for all of it */ \
	WORD(THREADS, "several_threads", NO_LOSS)  /* one read the Prepare, another the reply */ \
	WORD(NO_REPLY, "no_reply", NO_LOSS)        /* it has no end */

/* What a thread does: enum strip_state. */
#define THREAD_WORDS(WORD) \
	WORD(ON_CPU, "on_cpu", NO_LOSS) \
	WORD(WAITING, "waiting_for_cpu", NO_LOSS)       /* it could run */ \
	WORD(NOT_RUNNABLE, "not_runnable", NO_LOSS)     /* it waits for data, a lock, a disk, or was stopped */

/*
 * The programs in the kernel: enum shared_program has this order. A loss is what only this run would
 * have read. A witness that was left out has compared one connection less.
 */
#define PROGRAM_WORDS(WORD) \
	WORD(SOCKET_IN, "socket_in", LOSS)         /* a segment comes in, */ \
	WORD(SOCKET_OUT, "socket_out", LOSS)       /* or goes out */ \
	WORD(SOCKET_CLOSED, "socket_closed", LOSS) /* a socket is closed */ \
	WORD(TLS_CALL, "tls_call", LOSS)           /* a call into a TLS library begins, */ \
	WORD(TLS_RETURN, "tls_return", LOSS)       /* or returns */ \
	WORD(TLS_OBJECT, "tls_object", LOSS)       /* a TLS connection begins or ends there */ \
	WORD(EXEC, "exec", LOSS)                   /* a program begins, anywhere on the host */ \
	WORD(STATE, "state", NO_LOSS)              /* the witness: a TCP connection begins or ends, likewise */ \
	WORD(LOOK, "look", NO_LOSS)                /* the witness: a look at one file of a target */ \
	WORD(DROPPED, "dropped", NO_LOSS)          /* the witness: a packet is dropped, anywhere on the host */ \
	WORD(CLOCKS, "clocks", NO_LOSS)            /* an event of the clocks of the targets' threads */

/* telltale's own two processes. */
#define HALF_WORDS(WORD) \
	WORD(PROBE, "probe", NO_LOSS)   /* attaches, and looks at processes */ \
	WORD(DAEMON, "daemon", NO_LOSS) /* everything else */

/* The parts of a peer's packets that are timed. */
#define PEER_PART_WORDS(WORD) \
	WORD(HOLD, "hold", NO_LOSS)           /* from the incoming Prepare until its reply leaves */ \
	WORD(PEER, "peer", NO_LOSS)           /* from the outgoing Prepare until all of its reply has come */ \
	WORD(CONNECTOR, "connector", NO_LOSS) /* the rest of the hold */

/*
 * Metrics of what was not seen, of which the history keeps the total of all labels. FIGURE(id,
 * metric, column, brief, name, why): column is the history's column and the key in the page's JSON;
 * the rest is as above. enum history_figure has this order.
 */
#define FIGURE_WORDS(FIGURE) \
	FIGURE(DROPPED, RECORDS_DROPPED, "dropped", "ring drops", "Ring drops", \
	       "records that found no room on their way from the kernel") \
	FIGURE(UNMATCHED, UNMATCHED, "unmatched", "replies alone", "Replies alone", \
	       "their Prepare was not seen") \
	FIGURE(BAD_REQUESTS, BAD_REQUESTS, "bad_requests", "not ILP", "Not ILP", \
	       "requests announced as ILP that hold no packet") \
	FIGURE(EVICTED, EVICTED, "evicted", "pushed out", "Pushed out", \
	       "of a full table") \
	FIGURE(ORIGIN_UNKNOWN, ORIGIN_UNKNOWN, "origin_unknown", "origin unknown", "Origin unknown", \
	       "sent, and perhaps forwarded: not told to the network") \
	FIGURE(UNATTRIBUTED, UNATTRIBUTED, "unattributed", "asset not known", "Asset not known", \
	       "fulfilled, but in which asset is not known: see telltale peers") \
	FIGURE(UNCONVERTED, UNCONVERTED, "unconverted", "no rate", "No rate", \
	       "fulfilled, but no rate converts its asset")

/* clang-format on */

#endif
