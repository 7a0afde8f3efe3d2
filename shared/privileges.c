/*
 * Looks users up and becomes one of them.
 */
#include "shared/privileges.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdbool.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "shared/log.h"

enum err identity_find(
    const char *text, const char *option, struct identity *out, struct problem *p)
{
    const char *colon = strchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : strlen(text);
    struct identity found = {.uid = 0};

    if (len == 0 || len >= sizeof(found.user)) {
        return problem_set(p, ERR_BAD_VALUE, option, "must be user or user:group");
    }
    memcpy(found.user, text, len);
    const struct passwd *user = getpwnam(found.user);
    if (!user) {
        return problem_set(p, ERR_BAD_VALUE, option, "there is no user \"%s\"", found.user);
    }
    found.uid = user->pw_uid;
    found.gid = user->pw_gid;
    if (colon) {
        const struct group *group = getgrnam(colon + 1);
        if (!group) {
            return problem_set(p, ERR_BAD_VALUE, option, "there is no group \"%s\"", colon + 1);
        }
        found.gid = group->gr_gid;
    }
    *out = found;
    return ERR_OK;
}

static bool become(const struct identity *who)
{
    return initgroups(who->user, who->gid) == 0 && setgid(who->gid) == 0 && setuid(who->uid) == 0 &&
           (who->uid == 0 || setuid(0) < 0);
}

enum err privileges_drop(const char *text, const char *option, struct problem *p)
{
    struct identity who = {.uid = 0};

    if (geteuid() != 0) {
        return ERR_OK;
    }
    if (!text[0]) {
        log_warn("running as root", "remedy=\"set %s\"", option);
        return ERR_OK;
    }
    enum err err = identity_find(text, option, &who, p);
    if (err) {
        return err;
    }
    if (!become(&who)) {
        return problem_set(
            p, ERR_INTERNAL, option, "cannot become \"%s\": %s", text, strerror(errno));
    }
    /* The kernel takes this away from a process that changes its user. */
    (void)prctl(PR_SET_DUMPABLE, 1);
    log_info("running as another user", "user=%s", text);
    return ERR_OK;
}

void privileges_forbid_new(void)
{
    (void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0); /* fails on kernels before 3.5 only */
}
