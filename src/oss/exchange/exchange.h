// Exchange: one operation against OSS with all its attempts, except GETs of data (get_exchange.h).
//
// Signs every attempt anew, judges its answer, waits, refreshes keys or learns the clock, and ends exactly
// once: with an answer that was accepted, or with the error of the last attempt.
// Threads: started from any thread; done runs on a network or executor thread and must not block.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "http/message/response.h"
#include "oss/exchange/answer_check.h"
#include "oss/exchange/oss_context.h"

namespace ossfs2::oss {

struct Answer {
  http::ResponseHead head;
  std::string body;
};

struct Outcome {
  Result<Answer> answer;
  // So many attempts may have done the work although their answers never came.
  int answers_lost = 0;
};

// Checks a 2xx answer with OSS's markers; a Failure with a remedy is tried again.
using Accept = std::function<std::optional<Failure>(const Answer&)>;
using ExchangeDone = std::function<void(Outcome)>;

// `accept` may be null.
std::shared_ptr<StoreCall> StartExchange(OssContext& context, OssRequest request, Accept accept,
                                         ExchangeDone done);

// Start and wait. Never from a network thread.
Outcome RunExchange(OssContext& context, OssRequest request, Accept accept = nullptr);

}  // namespace ossfs2::oss
