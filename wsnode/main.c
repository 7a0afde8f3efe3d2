/*
 * wsnode: holds the WebSockets. Reads the configuration and hands over to the supervisor.
 */
#include <signal.h>

#include "shared/log.h"
#include "shared/option.h"
#include "shared/privileges.h"
#include "wsnode/supervisor.h"

int main(int argc, char **argv)
{
    struct config config;
    int status;

    log_init("wsnode", LOG_INFO);
    if (config_command_line(&config, argc, argv, PROGRAM_NODE, &status)) {
        return 1;
    }
    if (status >= 0) {
        return status;
    }
    log_init("wsnode", (enum log_level)config.log_level);
    (void)signal(SIGPIPE, SIG_IGN);
    privileges_forbid_new();
    status = supervisor_run(&config);
    config_finish(&config);
    return status;
}
