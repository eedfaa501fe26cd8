// What every written object shall carry, checked when the mount begins: what the service would refuse, it would refuse
// with every write. Pure.
#pragma once

#include <string>
#include <string_view>

#include "ossfs2/object_store.h"
#include "ossfs2/status.h"

namespace ossfs2 {

// "k1=v1&k2=v2", URL-encoded, as the header x-oss-tagging has it.
Status CheckTagging(std::string_view tagging);
// "name=value;name=value", the names in lower case. Also refuses the names by which ossfs2 keeps attributes.
Result<Metadata> ParseUserMetadata(std::string_view text);

}  // namespace ossfs2
