#include "server/options.h"

#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <fstream>
#include <functional>
#include <iterator>

#include "base/values/size.h"
#include "base/values/str.h"
#include "server/storage/storage.h"

namespace ossfs2::server {
namespace {

constexpr uint64_t kSyntheticCountMax = 10'000'000;

Error Invalid(std::string text) { return MakeError(EINVAL, ErrorKind::kInvalid, std::move(text)); }

Result<uint64_t> ParseNumber(std::string_view text, uint64_t max) {
  uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size() || value > max) {
    return Invalid(StrCat("'", text, "' is not a number from 0 to ", max));
  }
  return value;
}

Status SetListen(Options& options, const std::string& value) {
  const size_t colon = value.rfind(':');
  if (colon == std::string::npos) return Invalid("--listen takes ADDRESS:PORT");
  auto port = ParseNumber(std::string_view(value).substr(colon + 1), 65535);
  if (!port) return port.error();
  options.http.address = value.substr(0, colon);
  options.http.port = static_cast<uint16_t>(*port);
  return {};
}

Status AddBucket(Options& options, const std::string& value) {
  if (!Storage::ValidName(value))
    return Invalid(StrCat("'", value, "' is no bucket name: 3-63 of a-z 0-9 -"));
  options.buckets.push_back(value);
  return {};
}

template <class T, class U>
Status Store(T& target, Result<U> value) {
  if (!value) return value.error();
  target = static_cast<T>(*value);
  return {};
}

template <class T>
Status Append(std::vector<T>& target, Result<T> value) {
  if (!value) return value.error();
  target.push_back(std::move(*value));
  return {};
}

Status AddCname(Options& options, const std::string& value) {
  const size_t equals = value.find('=');
  if (equals == std::string::npos) return Invalid("--cname takes HOST=BUCKET");
  options.addressing.cnames.emplace_back(value.substr(0, equals), value.substr(equals + 1));
  return {};
}

Status SetStorageClass(Options& options, const std::string& value) {
  if (std::find(std::begin(kStorageClasses), std::end(kStorageClasses), value) == std::end(kStorageClasses))
    return Invalid(StrCat("'", value, "' is no storage class"));
  options.storage_class = value;
  return {};
}

// One line, which only its owner may read.
Status ReadSecretFile(Options& options) {
  const std::string& path = options.secret_file;
  if (path.empty()) return {};
  if (!options.access_key_secret.empty())
    return Invalid("--secret-file and --access-key-secret exclude each other");
  struct stat info {};
  if (::stat(path.c_str(), &info) != 0) return ErrnoError(errno, StrCat("--secret-file ", path));
  if ((info.st_mode & 077) != 0)
    return Invalid(StrCat("--secret-file: others may read ", path, "; run chmod 600 on it"));
  std::ifstream file(path);
  if (!std::getline(file, options.access_key_secret) || options.access_key_secret.empty())
    return Invalid(StrCat("--secret-file: the first line of ", path, " is not a secret"));
  return {};
}

using Setter = std::function<Status(Options&, const std::string&)>;

Setter Text(std::string Options::*member) {
  return [member](Options& options, const std::string& value) -> Status {
    options.*member = value;
    return {};
  };
}

const std::map<std::string, Setter, std::less<>>& Setters() {
  static const std::map<std::string, Setter, std::less<>> setters = {
      {"--root", Text(&Options::root)},
      {"--listen", SetListen},
      {"--bucket", AddBucket},
      {"--access-key-id", Text(&Options::access_key_id)},
      {"--access-key-secret", Text(&Options::access_key_secret)},
      {"--secret-file", Text(&Options::secret_file)},
      {"--security-token", Text(&Options::security_token)},
      {"--region", Text(&Options::region)},
      {"--requests-log", Text(&Options::requests_log)},
      {"--cname", AddCname},
      {"--storage-class", SetStorageClass},
      {"--endpoint",
       [](Options& o, const std::string& v) -> Status {
         return Append(o.addressing.endpoints, Result<std::string>(v));
       }},
      {"--latency", [](Options& o, const std::string& v) { return Store(o.latency_ns, ParseDuration(v)); }},
      {"--rate-per-connection",
       [](Options& o, const std::string& v) { return Store(o.rate_bytes_per_s, ParseSize(v)); }},
      {"--restore-seconds",
       [](Options& o, const std::string& v) { return Store(o.restore_seconds, ParseNumber(v, 1'000'000)); }},
      {"--page-entries-max",
       [](Options& o, const std::string& v) { return Store(o.page_entries_max, ParseNumber(v, 1000)); }},
      {"--synthetic",
       [](Options& o, const std::string& v) { return Append(o.synthetic, ParseSynthetic(v)); }},
      {"--fault", [](Options& o, const std::string& v) { return Append(o.faults, ParseFaultRule(v)); }},
      {"--tls-cert",
       [](Options& o, const std::string& v) -> Status {
         o.http.tls_certificate_file = v;
         return {};
       }},
      {"--tls-key",
       [](Options& o, const std::string& v) -> Status {
         o.http.tls_key_file = v;
         return {};
       }},
  };
  return setters;
}

bool SetSwitch(Options& options, const std::string& name) {
  if (name == "--public") {
    options.public_access = true;
  } else if (name == "--discard") {
    options.discard = true;
  } else if (name == "--copies-change-etag") {
    options.copies_change_etag = true;
  } else if (name == "--no-copy-crc") {
    options.no_copy_crc = true;
  } else if (name == "--versioned") {
    options.versioned = true;
  } else if (name == "--help" || name == "-h") {
    options.help = true;
  } else if (name == "--version") {
    options.version = true;
  } else {
    return false;
  }
  return true;
}

Status CheckTogether(const Options& options) {
  if (options.help || options.version) return {};
  if (options.root.empty()) return Invalid("--root DIR is missing: the folder that keeps the buckets");
  if (options.access_key_id.empty() && !options.public_access) {
    return Invalid(
        "give --access-key-id and --access-key-secret (or OSS_ACCESS_KEY_ID and OSS_ACCESS_KEY_SECRET), "
        "or --public");
  }
  if (options.access_key_id.empty() != options.access_key_secret.empty()) {
    return Invalid("--access-key-id and --access-key-secret belong together");
  }
  if (options.http.tls_certificate_file.empty() != options.http.tls_key_file.empty()) {
    return Invalid("--tls-cert and --tls-key belong together");
  }
  if (!options.synthetic.empty() && options.buckets.empty()) return Invalid("--synthetic needs a --bucket");
  if (options.page_entries_max < 1) return Invalid("--page-entries-max is 1 to 1000");
  return {};
}

}  // namespace

Result<int64_t> ParseDuration(std::string_view text) {
  int64_t unit = 1'000'000;
  std::string_view digits = text;
  for (const auto& [suffix, nanoseconds] :
       {std::pair<std::string_view, int64_t>{"ms", 1'000'000}, {"us", 1'000}, {"s", 1'000'000'000}}) {
    if (!text.ends_with(suffix)) continue;
    unit = nanoseconds;
    digits.remove_suffix(suffix.size());
    break;
  }
  auto value = ParseNumber(digits, 3'600'000'000);
  if (!value) return Invalid(StrCat("'", text, "' is no duration; write 10ms, 2s or 150us"));
  return static_cast<int64_t>(*value) * unit;
}

Result<SyntheticSpec> ParseSynthetic(std::string_view text) {
  const size_t equals = text.rfind('=');
  if (equals == std::string_view::npos || equals == 0)
    return Invalid("--synthetic takes KEY=SIZE or KEY=SIZExCOUNT");
  SyntheticSpec spec;
  spec.key = std::string(text.substr(0, equals));
  std::string_view size = text.substr(equals + 1);
  if (const size_t x = size.find('x'); x != std::string_view::npos) {
    auto count = ParseNumber(size.substr(x + 1), kSyntheticCountMax);
    if (!count) return count.error();
    spec.count = *count;
    size = size.substr(0, x);
  }
  auto bytes = ParseSize(size);
  if (!bytes) return bytes.error();
  spec.size = *bytes;
  return spec;
}

Result<Options> ParseOptions(const std::vector<std::string>& arguments,
                             const std::map<std::string, std::string>& environment) {
  Options options;
  for (size_t i = 0; i < arguments.size(); ++i) {
    std::string name = arguments[i];
    if (SetSwitch(options, name)) continue;
    std::string value;
    const size_t equals = name.find('=');
    const bool joined = equals != std::string::npos;
    if (joined) {
      value = name.substr(equals + 1);
      name.resize(equals);
    }
    const auto setter = Setters().find(name);
    if (setter == Setters().end())
      return Invalid(StrCat("unknown option ", name, "; see ossfs2-server --help"));
    if (!joined) {
      if (i + 1 >= arguments.size()) return Invalid(StrCat(name, " needs a value"));
      value = arguments[++i];
    }
    if (auto set = setter->second(options, value); !set) {
      return Invalid(StrCat(name, ": ", set.error().text));
    }
  }
  OSSFS2_RETURN_IF_ERROR(ReadSecretFile(options));
  const auto from_environment = [&](std::string& target, const char* name) {
    const auto found = environment.find(name);
    if (target.empty() && found != environment.end()) target = found->second;
  };
  from_environment(options.access_key_id, "OSS_ACCESS_KEY_ID");
  from_environment(options.access_key_secret, "OSS_ACCESS_KEY_SECRET");
  from_environment(options.security_token, "OSS_SESSION_TOKEN");
  OSSFS2_RETURN_IF_ERROR(CheckTogether(options));
  return options;
}

}  // namespace ossfs2::server
