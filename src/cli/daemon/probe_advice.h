// Why a first question to the bucket failed, as one sentence for a person with the next step.
#pragma once

#include "cli/settings/settings.h"
#include "ossfs2/status.h"

namespace ossfs2 {

// The error with cause and next step: those that the layer below gave ("Next: ..."), or our own where it gave
// none or cannot know (a proxy, plain HTTP at a TLS endpoint). Code and request id stay.
Error AdviseProbe(const Error& error, const Settings& settings);
Error AdviseCredentials(const Error& error);

}  // namespace ossfs2
