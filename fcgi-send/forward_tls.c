/*
 * Options of libcurl, and URLs.
 */
#include "fcgi-send/forward_tls.h"

#include <stdio.h>
#include <string.h>

#include "shared/nodes.h"

/* A host name has at most 253 bytes. */
#define URL_BYTES (256 + NODE_ADDR_BYTES + FORWARD_PATH_BYTES)

static bool is_tls(const char *addr)
{
    return strncmp(addr, NODES_TLS_SCHEME, strlen(NODES_TLS_SCHEME)) == 0;
}

bool forward_tls_prepare(CURL *easy, const struct config *config)
{
    bool has_ca = *config->send_tls_ca;
    bool has_cert = *config->send_tls_cert;

    return !curl_easy_setopt(easy, CURLOPT_PROTOCOLS_STR, has_ca ? "http,https" : "http") &&
           !curl_easy_setopt(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2) &&
           !curl_easy_setopt(easy, CURLOPT_SSL_VERIFYPEER, 1L) &&
           !curl_easy_setopt(easy, CURLOPT_SSL_VERIFYHOST, 2L) &&
           !curl_easy_setopt(easy, CURLOPT_SSL_SESSIONID_CACHE, 0L) &&
           !curl_easy_setopt(easy, CURLOPT_CA_CACHE_TIMEOUT, 0L) &&
           !curl_easy_setopt(easy, CURLOPT_CAPATH, NULL) &&
           !curl_easy_setopt(easy, CURLOPT_CAINFO, has_ca ? config->send_tls_ca : NULL) &&
           !curl_easy_setopt(easy, CURLOPT_SSLCERT, has_cert ? config->send_tls_cert : NULL) &&
           !curl_easy_setopt(easy, CURLOPT_SSLKEY, has_cert ? config->send_tls_key : NULL);
}

const char *forward_tls_objection(const struct config *config, const char *addr)
{
    if (is_tls(addr) && !*config->send_tls_ca) {
        return "the node speaks TLS, and send.tls_ca is not set";
    }
    if (!is_tls(addr) && config->send_tls_only) {
        return "the node speaks no TLS, and send.tls_only is set";
    }
    return NULL;
}

/* With a name, the URL has the name, and libcurl is told not to look it up. */
static bool aim_by_name(
    CURL *easy, const char *name, const struct forward_aim *aim, struct curl_slist **connect_to)
{
    char url[URL_BYTES];
    char there[sizeof("::") + NODE_ADDR_BYTES];
    const char *place = aim->addr + strlen(NODES_TLS_SCHEME);
    const char *port = strrchr(place, ':');

    snprintf(url, sizeof(url), NODES_TLS_SCHEME "%s%s%s", name, port ? port : "", aim->path);
    snprintf(there, sizeof(there), "::%s", place);
    *connect_to = curl_slist_append(NULL, there);
    return *connect_to && !curl_easy_setopt(easy, CURLOPT_URL, url) &&
           !curl_easy_setopt(easy, CURLOPT_CONNECT_TO, *connect_to);
}

bool forward_tls_aim(CURL *easy, const struct config *config, const struct forward_aim *aim,
    struct curl_slist **connect_to)
{
    char url[URL_BYTES];

    curl_slist_free_all(*connect_to);
    *connect_to = NULL;
    if (is_tls(aim->addr) && *config->send_tls_name) {
        return aim_by_name(easy, config->send_tls_name, aim, connect_to);
    }
    snprintf(url, sizeof(url), "%s%s%s", is_tls(aim->addr) ? "" : "http://", aim->addr, aim->path);
    return !curl_easy_setopt(easy, CURLOPT_URL, url) &&
           !curl_easy_setopt(easy, CURLOPT_CONNECT_TO, NULL);
}
