// Judging attempts: which answers are OSS's own, and what a failed attempt means.
//
// No answer without a request id of the service is believed, whatever its status: a proxy or a captive
// portal may have given it. Pure functions; thread-safe.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "oss/exchange/retry_state.h"
#include "oss/protocol/error_table.h"
#include "ossfs2/status.h"

namespace ossfs2::http {
struct CallReport;
struct ResponseHead;
}

namespace ossfs2::oss {

struct Endpoint;

// No answer came. `error` and `report` are the HTTP client's.
Failure JudgeTransport(const Error& error, const http::CallReport& report, const RequestNames& names,
                       const Endpoint& endpoint);

// An answer came; nothing when it is a believable success (2xx). `body` is the error document.
std::optional<Failure> JudgeAnswer(const http::ResponseHead& head, std::string_view body,
                                   const RequestNames& names, const Endpoint& endpoint);

// A success whose content does not hold: retryable kCorrupt. `advice`: the next step.
Failure CorruptAnswer(const RequestNames& names, std::string_view why,
                      std::string_view advice = kStrangeAnswerAdvice);

// A 200 whose body may be an <Error>: that error, when it is one.
std::optional<Failure> JudgeErrorBody(const http::ResponseHead& head, std::string_view body,
                                      const RequestNames& names);

// The same request may be sent again when the error says so.
Failure FailureOf(Error error);

}  // namespace ossfs2::oss
