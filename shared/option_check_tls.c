/*
 * One line per rule.
 */
#include "shared/option_check_tls.h"

bool option_check_tls_public_key_goes_with_cert(const struct config *c)
{
    return !*c->node_tls_key == !*c->node_tls_cert;
}

bool option_check_tls_internal_key_goes_with_cert(const struct config *c)
{
    return !*c->node_internal_tls_key == !*c->node_internal_tls_cert;
}

bool option_check_tls_internal_ca_goes_with_cert(const struct config *c)
{
    return !*c->node_internal_tls_client_ca || *c->node_internal_tls_cert;
}

bool option_check_tls_sender_key_goes_with_cert(const struct config *c)
{
    return !*c->send_tls_key == !*c->send_tls_cert;
}

bool option_check_tls_sender_cert_goes_with_ca(const struct config *c)
{
    return !*c->send_tls_cert || *c->send_tls_ca;
}

bool option_check_tls_name_goes_with_ca(const struct config *c)
{
    return !*c->send_tls_name || *c->send_tls_ca;
}

bool option_check_tls_only_goes_with_ca(const struct config *c)
{
    return !c->send_tls_only || *c->send_tls_ca;
}
