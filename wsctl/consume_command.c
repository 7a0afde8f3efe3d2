/*
 * wsctl consume: sends what a queue holds. Configuration, signals, and the parts put together.
 */
#include <curl/curl.h>
#include <signal.h>
#include <stdio.h>

#include "shared/log.h"
#include "shared/option.h"
#include "wsctl/consumer.h"
#include "wsctl/wsctl.h"

static volatile sig_atomic_t stop;

static void on_signal(int number)
{
    (void)number;
    stop = 1;
}

/* Without SA_RESTART: a signal ends a pause. */
static void catch_signals(void)
{
    struct sigaction action = {.sa_handler = on_signal};

    sigemptyset(&action.sa_mask);
    (void)sigaction(SIGTERM, &action, NULL);
    (void)sigaction(SIGINT, &action, NULL);
    (void)signal(SIGPIPE, SIG_IGN);
}

static enum err consume(const struct config *config, struct problem *p)
{
    struct source *source = NULL;
    struct consumer consumer;

    enum err err = source_create(config, &source, p);
    if (err) {
        return err;
    }
    struct poster *poster = poster_create(config);
    if (!poster || consumer_init(&consumer, config, source, poster, &stop)) {
        err = problem_set(p, ERR_NO_MEMORY, "", NULL);
        goto out;
    }
    log_info("started", "queue=\"%s\" to=\"%s\"", config->consume_queue, config->consume_send_url);
    consumer_run(&consumer);
    log_info("stopped", "queue=\"%s\" sent=%llu dead=%llu left=%zu", config->consume_queue,
        (unsigned long long)consumer.sent_count, (unsigned long long)consumer.dead_count,
        consumer.held_count);
    consumer_finish(&consumer);
out:
    poster_destroy(poster);
    source_destroy(source);
    return err;
}

int consume_run(int argc, char **argv)
{
    struct config config;
    struct problem p = {.err = ERR_OK};
    int status = WSCTL_OK;

    if (config_command_line(&config, argc, argv, PROGRAM_CONSUME, &status) || status >= 0) {
        return status;
    }
    log_init("wsctl-consume", (enum log_level)config.log_level);
    catch_signals();
    status = WSCTL_FAILED;
    if (!curl_global_init(CURL_GLOBAL_ALL)) {
        status = consume(&config, &p) ? WSCTL_FAILED : WSCTL_OK;
        curl_global_cleanup();
    }
    if (status != WSCTL_OK) {
        fprintf(stderr, "wsctl consume: %s\n", p.err ? p.msg : "libcurl does not start");
    }
    config_finish(&config);
    return status;
}
