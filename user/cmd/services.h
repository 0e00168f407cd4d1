/* SPDX-License-Identifier: Apache-2.0 */
/* services.h - the two halves as services of systemd, started and stopped with systemctl. */
#ifndef TELLTALE_CMD_SERVICES_H
#define TELLTALE_CMD_SERVICES_H

#include <stdbool.h>

/* What the packages call them. */
#define SERVICES_NAMES "telltale-probe.service telltale.service"

/* Whether systemd runs on this host, and knows both services. */
bool services_there(void);

/* Gives this process the environment that the services have: of its own PATH alone, and the
 * variables of /etc/telltale/environment. 0, or -EINVAL after saying which line cannot be read. */
int services_take_environment(void);

/* Both start now and with the host. AGAIN: they are restarted, for another configuration. Comes
 * back when telltale counts. 0 or -errno: systemctl has said what is wrong. */
int services_start(bool again);

/* Both end now, and do not start with the host. AT_ONCE: without a last export, whatever the
 * configuration says. 0 or -errno, as above. */
int services_stop(bool at_once);

#endif
