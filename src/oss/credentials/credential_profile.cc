// Profiles of the command line tools: ~/.aliyun/config.json and ~/.alibabacloud/credentials.
#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <functional>

#include "base/machine/environment.h"
#include "base/values/str.h"
#include "oss/credentials/credential_json.h"
#include "oss/credentials/credentials.h"

namespace ossfs2::oss {
namespace {

constexpr std::chrono::seconds kFileRecheck{10};
constexpr int kChainMax = 5;  // of profiles that assume a role on top of another

Error Wrong(std::string text) { return MakeError(EINVAL, ErrorKind::kInvalid, std::move(text)); }

std::string Get(const Profile& profile, const char* name) {
  const auto at = profile.find(name);
  return at == profile.end() ? "" : at->second;
}

std::string HomePath(const char* variable, const char* below_home) {
  const std::string path = EnvironmentText(variable);
  return path.empty() ? StrCat(EnvironmentText("HOME"), below_home) : path;
}

std::string StsEndpointOf(const Profile& profile, const CredentialOptions& options) {
  if (!options.sts_endpoint.empty()) return options.sts_endpoint;
  const std::string region = Get(profile, "sts_region");
  if (region.empty()) return "";
  return StrCat(Get(profile, "enable_vpc") == "true" ? "sts-vpc." : "sts.", region, ".aliyuncs.com");
}

RoleRequest RoleOf(const Profile& profile, const CredentialOptions& options, const char* arn,
                   const char* session) {
  RoleRequest role;
  role.sts_endpoint = StsEndpointOf(profile, options);
  role.role_arn = Get(profile, arn);
  role.session_name = Get(profile, session);
  if (role.session_name.empty()) role.session_name = options.assume_role_session_name;
  role.external_id = Get(profile, "external_id");
  role.policy = Get(profile, "policy");
  role.oidc_provider_arn = Get(profile, "oidc_provider_arn");
  role.oidc_token_file = Get(profile, "oidc_token_file");
  const std::string seconds = Get(profile, "expired_seconds");
  int parsed = 0;
  std::from_chars(seconds.data(), seconds.data() + seconds.size(), parsed);
  if (parsed >= 900) role.duration_s = parsed;
  return role;
}

http::HttpClient& MetadataHttp(http::HttpClient& http, const CredentialOptions& options) {
  return options.metadata_http != nullptr ? *options.metadata_http : http;
}

KeySet KeysOf(const Profile& profile) {
  return {Get(profile, "access_key_id"), Get(profile, "access_key_secret"), Get(profile, "sts_token")};
}

std::string NoSuchProfile(const ProfileFile& file, const std::string& name) {
  std::string known;
  for (const Profile& profile : file.profiles) known += StrCat(known.empty() ? "" : ", ", Get(profile, "name"));
  return StrCat("there is no profile ", name, " in ", HomePath("ALIBABA_CLOUD_CONFIG_FILE", "/.aliyun/config.json"),
                ". Next: ", known.empty() ? "make it with `aliyun configure`" : StrCat("give one of ", known));
}

// The source of one profile of config.json; `depth` bounds chains of source_profile.
Result<SourcePtr> Resolve(http::HttpClient& http, const CredentialOptions& options, const ProfileFile& file,
                          const std::string& name, Clock& clock, int depth) {
  const auto at = std::find_if(file.profiles.begin(), file.profiles.end(),
                               [&](const Profile& profile) { return Get(profile, "name") == name; });
  if (at == file.profiles.end()) return Wrong(NoSuchProfile(file, name));
  const Profile& profile = *at;
  const std::string mode = Get(profile, "mode");
  const std::string label = "profile " + name;
  if (mode == "AK" || mode == "StsToken") return MakeStaticSource(KeysOf(profile), label);
  if (mode == "RamRoleArn") {
    return MakeAssumeRoleSource(http, MakeStaticSource(KeysOf(profile), label),
                                RoleOf(profile, options, "ram_role_arn", "ram_session_name"), clock);
  }
  if (mode == "EcsRamRole") {
    return MakeMetadataSource(MetadataHttp(http, options), options.metadata_endpoint,
                              Get(profile, "ram_role_name"), options.hardened_metadata, clock);
  }
  if (mode == "OIDC") {
    return MakeOidcSource(http, RoleOf(profile, options, "ram_role_arn", "ram_session_name"), clock);
  }
  if (mode == "External")
    return MakeProcessSource(Get(profile, "process_command"), label + ": process_command", ProgramPath::kSearched);
  if (mode == "ChainableRamRoleArn") {
    if (depth >= kChainMax)
      return Wrong(StrCat(label, ": its source profiles go round in a circle. Next: give one of them keys of its own"));
    auto base = Resolve(http, options, file, Get(profile, "source_profile"), clock, depth + 1);
    if (!base) return base.error();
    return MakeAssumeRoleSource(http, std::move(*base),
                                RoleOf(profile, options, "ram_role_arn", "ram_session_name"), clock);
  }
  return Wrong(
      StrCat(label, " has mode ", mode,
             ". Next: make it one of AK, StsToken, RamRoleArn, EcsRamRole, OIDC, ChainableRamRoleArn or External"));
}

// The key=value lines of one section.
std::optional<Profile> ReadSection(const std::string& text, const std::string& name) {
  std::optional<Profile> section;
  bool is_inside = false;
  for (size_t begin = 0; begin < text.size();) {
    const size_t end = std::min(text.find('\n', begin), text.size());
    const std::string line = TrimText(std::string_view(text).substr(begin, end - begin));
    begin = end + 1;
    if (line.empty() || line.front() == '#' || line.front() == ';') continue;
    if (line.front() == '[') {
      is_inside = line == StrCat("[", name, "]");
      if (is_inside && !section) section.emplace();
      continue;
    }
    const size_t equals = line.find('=');
    if (is_inside && equals != std::string::npos) {
      (*section)[TrimText(line.substr(0, equals))] = TrimText(line.substr(equals + 1));
    }
  }
  return section;
}

Result<SourcePtr> ReadProfile(http::HttpClient& http, const CredentialOptions& options, const std::string& path,
                              const std::string& name, Clock& clock) {
  const auto text = ReadSmallFile(path);
  if (!text && name.empty()) return text.error();
  if (!text)
    return Naming("profile", MakeError(text.error().errno_value, text.error().kind,
                                       StrCat(text.error().text, ". Next: make it with `aliyun configure --profile ",
                                              name, "`, or give the keys in another way")));
  const auto file = ParseProfileJson(*text, path);
  if (!file) return file.error();
  return Resolve(http, options, *file, name.empty() ? file->current : name, clock, 0);
}

Result<SourcePtr> ReadIni(http::HttpClient& http, const CredentialOptions& options, const std::string& path,
                          const std::string& name, Clock& clock) {
  const auto text = ReadSmallFile(path);
  if (!text) return text.error();
  const std::string section_name = name.empty() ? "default" : name;
  const auto section = ReadSection(*text, section_name);
  if (!section)
    return Wrong(StrCat(path, " has no section [", section_name, "]. Next: add it, or name one that is there"));
  const std::string label = StrCat("section ", section_name, " of ", path);
  const std::string type = Get(*section, "type");
  if (type == "access_key" || type == "sts") {
    KeySet keys = KeysOf(*section);
    if (keys.security_token.empty()) keys.security_token = Get(*section, "security_token");
    return MakeStaticSource(std::move(keys), label);
  }
  if (type == "ecs_ram_role") {
    return MakeMetadataSource(MetadataHttp(http, options), options.metadata_endpoint,
                              Get(*section, "role_name"), options.hardened_metadata, clock);
  }
  if (type == "ram_role_arn") {
    return MakeAssumeRoleSource(http, MakeStaticSource(KeysOf(*section), label),
                                RoleOf(*section, options, "role_arn", "role_session_name"), clock);
  }
  if (type == "oidc_role_arn") {
    RoleRequest role = RoleOf(*section, options, "role_arn", "role_session_name");
    role.oidc_token_file = Get(*section, "oidc_token_file_path");
    return MakeOidcSource(http, std::move(role), clock);
  }
  return Wrong(StrCat(label, " has type ", type,
                      ". Next: make it one of access_key, sts, ecs_ram_role, ram_role_arn or oidc_role_arn"));
}

// A source that a file describes; described anew when the file has changed.
class DescribedSource final : public CredentialSource {
 public:
  using Read = std::function<Result<SourcePtr>()>;
  DescribedSource(std::string path, Read read) : path_(std::move(path)), read_(std::move(read)) {}

  Status Open() {
    const FileStamp stamp = StampOf(path_);  // before: a change while it is read shows the next time
    auto source = read_();
    if (!source) return std::move(source.error());
    source_ = std::move(*source);
    stamp_ = stamp;
    return {};
  }

  Result<Credentials> Fetch() override {
    if (StampOf(path_) != stamp_) {
      if (Status opened = Open(); !opened) {
        // Perhaps half of it is written.
        Error error = std::move(opened.error());
        error.retryable = true;
        return error;
      }
    }
    return source_->Fetch();
  }
  std::string Name() const override { return source_->Name(); }
  std::chrono::seconds RecheckInterval() const override {
    return source_->CanChange() ? source_->RecheckInterval() : kFileRecheck;
  }

 private:
  using FileStamp = std::array<int64_t, 4>;
  // All zero when there is no such file.
  static FileStamp StampOf(const std::string& path) {
    struct stat info {};
    if (stat(path.c_str(), &info) != 0) return {};
    return {info.st_mtim.tv_sec, info.st_mtim.tv_nsec, info.st_size, static_cast<int64_t>(info.st_ino)};
  }

  const std::string path_;
  const Read read_;
  SourcePtr source_;
  FileStamp stamp_{};
};

Result<SourcePtr> Describe(std::string path, DescribedSource::Read read) {
  auto source = std::make_unique<DescribedSource>(std::move(path), std::move(read));
  OSSFS2_RETURN_IF_ERROR(source->Open());
  return SourcePtr(std::move(source));
}

}  // namespace

Result<SourcePtr> MakeProfileSource(http::HttpClient& http, const CredentialOptions& options,
                                    const std::string& name, Clock& clock) {
  const std::string path = HomePath("ALIBABA_CLOUD_CONFIG_FILE", "/.aliyun/config.json");
  return Describe(path, [&http, options, path, name, &clock] { return ReadProfile(http, options, path, name, clock); });
}

Result<SourcePtr> MakeIniSource(http::HttpClient& http, const CredentialOptions& options,
                                const std::string& name, Clock& clock) {
  const std::string path = HomePath("ALIBABA_CLOUD_CREDENTIALS_FILE", "/.alibabacloud/credentials");
  return Describe(path, [&http, options, path, name, &clock] { return ReadIni(http, options, path, name, clock); });
}

}  // namespace ossfs2::oss
