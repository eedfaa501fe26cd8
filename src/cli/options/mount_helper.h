// The command line of mount.ossfs2, as mount(8) makes it from an fstab line.
//
// mount.ossfs2 SOURCE DIR [-sfnvrw] [-N NAMESPACE] [-t TYPE] [-o OPTIONS]. SOURCE: BUCKET, BUCKET:/PREFIX,
// BUCKET/PREFIX or oss://BUCKET/PREFIX. Pure.
#pragma once

#include <string>
#include <vector>

#include "ossfs2/status.h"

namespace ossfs2 {

struct MountHelperLine {
  std::string source;  // as given: "bucket:/prefix"
  std::string bucket;
  std::string prefix;
  std::string mount_point;
  std::string options;  // all -o joined with commas
  bool fake = false;    // -f: only look whether it would work
  bool sloppy = false;  // -s: unknown options are ignored
  bool verbose = false;
  bool read_only = false;       // -r
  std::string mount_namespace;  // -N: path or pid
};

Result<MountHelperLine> ParseMountHelperLine(const std::vector<std::string>& arguments);

}  // namespace ossfs2
