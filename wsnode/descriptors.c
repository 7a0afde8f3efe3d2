/*
 * Raises the limit of file descriptors.
 */
#include "wsnode/descriptors.h"

#include <sys/resource.h>

#include "shared/log.h"

int64_t descriptors_wanted(const struct config *config)
{
    return config->node_max_sessions + config->node_max_handshakes + SPARE_DESCRIPTORS;
}

int64_t descriptors_raise(int64_t wanted)
{
    struct rlimit limit;

    if (getrlimit(RLIMIT_NOFILE, &limit) < 0) {
        return wanted;
    }
    rlim_t target = (rlim_t)wanted;
    if (target > limit.rlim_max) {
        /* The hard limit may be raised by the privileged. */
        struct rlimit higher = {target, target};
        target = setrlimit(RLIMIT_NOFILE, &higher) < 0 ? limit.rlim_max : target;
    }
    limit.rlim_max = target > limit.rlim_max ? target : limit.rlim_max;
    limit.rlim_cur = target;
    if (setrlimit(RLIMIT_NOFILE, &limit) < 0) {
        log_warn("descriptor limit not raised", "wanted=%lld", (long long)target);
    }
    return getrlimit(RLIMIT_NOFILE, &limit) < 0 ? wanted : (int64_t)limit.rlim_cur;
}
