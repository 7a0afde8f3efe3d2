/* Sender threads: see sender.h. */
#include "sender.h"

#include <curl/curl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "answers.h"

#define ANSWER_BYTES_MAX 32768
#define BODY_BYTES_MAX (PAD_BYTES_MAX + 512)
#define URL_REST_US 2000000

struct sender {
    pthread_t thread;
    struct senders *all;
    int number;
    int url;                                 /* the next one's turn */
    int64_t rests_until_us[SENDER_URLS_MAX]; /* it failed: not before then, if there is another */
};

struct senders {
    struct senders_options o;
    struct sender *threads;
    char pad[PAD_BYTES_MAX + 1];
    atomic_bool stop, paused;
    atomic_llong deadline_us, gave_up;
    struct answers *answers;
};

static void sleep_us(int64_t us)
{
    if (us > 0)
        nanosleep(&(struct timespec){us / 1000000, us % 1000000 * 1000}, NULL);
}

struct answer {
    char text[ANSWER_BYTES_MAX];
    size_t len;
};

/* Keeps the start of the answer's body. */
static size_t take_body(char *bytes, size_t size, size_t count, void *arg)
{
    struct answer *a = arg;
    size_t room = sizeof a->text - 1 - a->len, len = size * count < room ? size * count : room;
    memcpy(a->text + a->len, bytes, len);
    a->len += len;
    a->text[a->len] = '\0';
    return size * count;
}

static CURL *make_handle(const struct senders *s, struct curl_slist **headers)
{
    char key[300];
    CURL *curl = curl_easy_init();
    snprintf(key, sizeof key, "X-Api-Key: %s", s->o.key);
    *headers = curl_slist_append(NULL, key);
    *headers = curl_slist_append(*headers, "Content-Type: application/json");
    *headers = curl_slist_append(*headers, "Expect:");
    curl_easy_setopt(curl, CURLOPT_HTTPHEADER, *headers);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take_body);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT_MS, 5000L);
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT_MS, 1000L);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_PROXY, "");
    return curl;
}

/* Whose turn it is: the next URL that has not failed lately; if all have, the next one all the
 * same. */
static int choose_url(struct sender *me)
{
    int count = me->all->o.url_count, url = me->url;
    int64_t now = book_now_us();
    for (int i = 0; i < count && now < me->rests_until_us[url]; i++)
        url = (url + 1) % count;
    me->url = (url + 1) % count;
    return url;
}

/* One request. Returns the HTTP status, 0 if there was no answer. */
static long post(struct sender *me, CURL *curl, const char *body)
{
    long status = 0;
    int url = choose_url(me);
    struct answer answer;
    answer.len = 0;
    answer.text[0] = '\0';
    int64_t began = book_now_us();
    curl_easy_setopt(curl, CURLOPT_URL, me->all->o.urls[url]);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, &answer);
    curl_easy_setopt(curl, CURLOPT_POSTFIELDS, body);
    if (curl_easy_perform(curl) == CURLE_OK)
        curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, &status);
    if (status == 0 || status >= 500)
        me->rests_until_us[url] = book_now_us() + URL_REST_US;
    answers_add(me->all->answers, status, answer.text, book_now_us() - began);
    return status;
}

/* Sends one message until it is accepted. Returns how many requests that took, 0: given up at the
 * end of the run. */
static int send_until_accepted(struct sender *me, CURL *curl, int user, int number)
{
    struct senders *s = me->all;
    char body[BODY_BYTES_MAX];
    bool by_topic = s->o.topics > 0 && user % s->o.topics == 0;
    snprintf(body, sizeof body,
        "{\"%suser%d\",\"messageId\":\"%s-%d-%d\",\"json\":{\"u\":%d,\"s\":%d,\"pad\":\"%."
        "*s\"}}",
        by_topic ? "topic\":\"ledger/" : "userId\":\"", s->o.first_user + user, s->o.run, user,
        number, user, number, s->o.pad_bytes, s->pad);
    for (int attempts = 1; s->deadline_us == 0 || book_now_us() < s->deadline_us; attempts++) {
        long status = post(me, curl, body);
        if (status == 200)
            return attempts;
        if (status >= 400 && status < 500 && status != 429) {
            fprintf(stderr, "ledger: a send was answered with %ld: %s\n", status, body);
            return 0;
        }
        sleep_us(100000);
    }
    return 0;
}

static void *run(void *arg)
{
    struct sender *me = arg;
    struct senders *s = me->all;
    struct curl_slist *headers;
    CURL *curl = make_handle(s, &headers);
    int64_t pause_us = (int64_t)(1e6 * s->o.threads / s->o.rate);
    int64_t next = book_now_us() + pause_us * me->number / s->o.threads;
    int user = me->number;
    while (!s->stop) {
        sleep_us(next - book_now_us());
        next += pause_us;
        if (next < book_now_us() -
                       1000000) /* a fault held this thread up: don't make up for it by a burst */
            next = book_now_us();
        if (s->paused || s->stop)
            continue;
        int number = book_send(s->o.book, user);
        if (number == BOOK_NO_PHASE)
            continue;
        if (number == BOOK_FULL)
            break;
        int attempts = send_until_accepted(me, curl, user, number);
        if (attempts > 0) {
            book_accept(s->o.book, user, number, attempts);
        } else {
            s->gave_up++;
        }
        user += s->o.threads;
        if (user >= s->o.users)
            user = me->number;
    }
    curl_slist_free_all(headers);
    curl_easy_cleanup(curl);
    return NULL;
}

struct senders *senders_create(const struct senders_options *options)
{
    struct senders *s = calloc(1, sizeof *s);
    if (s == NULL)
        return NULL;
    curl_global_init(CURL_GLOBAL_ALL);
    s->o = *options;
    if (s->o.threads > s->o.users)
        s->o.threads = s->o.users;
    memset(s->pad, 'x', sizeof s->pad - 1);
    s->answers = answers_create(s->o.book);
    s->threads = calloc((size_t)s->o.threads, sizeof *s->threads);
    return s;
}

void senders_start(struct senders *s)
{
    for (int i = 0; i < s->o.threads; i++) {
        s->threads[i].all = s;
        s->threads[i].number = i;
        s->threads[i].url = i % s->o.url_count;
        pthread_create(&s->threads[i].thread, NULL, run, &s->threads[i]);
    }
}

void senders_pause(struct senders *s, bool paused)
{
    s->paused = paused;
}

int senders_stop(struct senders *s, int seconds)
{
    s->deadline_us = book_now_us() + (int64_t)seconds * 1000000;
    s->stop = true;
    for (int i = 0; i < s->o.threads; i++)
        pthread_join(s->threads[i].thread, NULL);
    return (int)s->gave_up;
}

void senders_destroy(struct senders *s)
{
    answers_destroy(s->answers);
    free(s->threads);
    free(s);
    curl_global_cleanup();
}

void senders_report(struct senders *s, FILE *out)
{
    answers_report(s->answers, out);
    fprintf(out, "sends given up: %lld\n", (long long)s->gave_up);
}
