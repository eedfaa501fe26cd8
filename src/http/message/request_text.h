// The head of a request as bytes, and the checks that keep a request well-formed. Pure functions.
#pragma once

#include <string>

#include "http/message/request.h"
#include "ossfs2/status.h"

namespace ossfs2::http {

// EINVAL, kInvalid when method, host, target or a header would break the request.
Status CheckRequest(const Request& request);

// "bucket.host:8080", brackets around an IPv6 literal, no port when it is the default of the scheme.
std::string HostHeader(const Request& request);
// The host with brackets around an IPv6 literal.
std::string BracketedHost(const std::string& host);

uint64_t BodyBytes(const Request& request);
// Whether Content-Length is sent: with a body, and for PUT and POST always.
bool SendsLength(const Request& request, uint64_t body_bytes);
// Whether the whole request may be sent again although the first may have had its effect.
bool MayRepeat(const Request& request);

// Request line and headers, up to and including the empty line.
std::string RequestHeadText(const Request& request, uint64_t body_bytes);

}  // namespace ossfs2::http
