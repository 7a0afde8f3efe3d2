/*
 * Rules of option_check.c about TLS: which of its options need which.
 */
#ifndef SHARED_OPTION_CHECK_TLS_H
#define SHARED_OPTION_CHECK_TLS_H

#include "shared/config.h"

bool option_check_tls_public_key_goes_with_cert(const struct config *c);
bool option_check_tls_internal_key_goes_with_cert(const struct config *c);
bool option_check_tls_internal_ca_goes_with_cert(const struct config *c);
bool option_check_tls_sender_key_goes_with_cert(const struct config *c);
bool option_check_tls_sender_cert_goes_with_ca(const struct config *c);
bool option_check_tls_name_goes_with_ca(const struct config *c);
bool option_check_tls_only_goes_with_ca(const struct config *c);

#endif
