// Credentials that are given outright, in files and in the environment.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <vector>

#include "base/machine/environment.h"
#include "base/values/str.h"
#include "base/values/text.h"
#include "oss/credentials/credential_source.h"

namespace ossfs2::oss {
namespace {

constexpr std::chrono::seconds kFileRecheck{10};

Error Refused(std::string text) { return MakeError(EACCES, ErrorKind::kAccessDenied, std::move(text)); }

class StaticSource final : public CredentialSource {
 public:
  StaticSource(KeySet keys, std::string name) : keys_(std::move(keys)), name_(std::move(name)) {}
  Result<Credentials> Fetch() override { return Credentials{keys_, std::nullopt}; }
  std::string Name() const override { return name_; }
  bool CanChange() const override { return false; }

 private:
  const KeySet keys_;
  const std::string name_;
};

bool LooksLikeKeyId(const std::string& text) { return text.starts_with("LTAI") || text.starts_with("STS."); }

class FileSource final : public CredentialSource {
 public:
  FileSource(std::string path, std::string bucket) : path_(std::move(path)), bucket_(std::move(bucket)) {}
  std::string Name() const override { return "credential_file " + path_; }
  std::chrono::seconds RecheckInterval() const override { return kFileRecheck; }

  Result<Credentials> Fetch() override {
    struct stat info {};
    if (stat(path_.c_str(), &info) != 0) return ErrnoError(errno, Name());
    if (!S_ISREG(info.st_mode))
      return Refused(Name() + " is not a regular file. Next: name a file with a line id:secret");
    if ((info.st_mode & 077) != 0) {
      return Refused(StrCat(Name(), " can be read by others. Next: chmod 600 ", path_));
    }
    const auto text = ReadSmallFile(path_);
    if (!text) return text.error();
    std::optional<KeySet> general;
    for (const std::string& line : Split(*text, '\n')) {
      std::vector<std::string> fields = Split(TrimText(line), ':');
      for (std::string& field : fields) field = TrimText(field);
      if (fields[0].starts_with('#') || (fields.size() == 1 && fields[0].empty())) continue;
      if (fields.size() >= 3 && fields[0] == bucket_) {
        return Credentials{{fields[1], fields[2], fields.size() > 3 ? fields[3] : ""}, std::nullopt};
      }
      const bool is_general = fields.size() == 2 || (fields.size() == 3 && LooksLikeKeyId(fields[0]));
      if (is_general && !general && !fields[0].empty()) {
        general = KeySet{fields[0], fields[1], fields.size() > 2 ? fields[2] : ""};
      }
    }
    if (general) return Credentials{*general, std::nullopt};
    return Refused(StrCat(Name(), " has no line for bucket ", bucket_,
                          ". Next: write one as id:secret, id:secret:token or ", bucket_, ":id:secret"));
  }

 private:
  const std::string path_;
  const std::string bucket_;
};

class DirectorySource final : public CredentialSource {
 public:
  explicit DirectorySource(std::string path) : path_(std::move(path)) {}
  std::string Name() const override { return "credential_dir " + path_; }
  std::chrono::seconds RecheckInterval() const override { return kFileRecheck; }

  Result<Credentials> Fetch() override {
    const auto id = ReadSmallFile(path_ + "/AccessKeyId");
    if (!id) return Naming("credential_dir", id.error());
    const auto secret = ReadSmallFile(path_ + "/AccessKeySecret");
    if (!secret) return Naming("credential_dir", secret.error());
    const auto token = ReadSmallFile(path_ + "/SecurityToken");
    KeySet keys{TrimText(*id), TrimText(*secret), token ? TrimText(*token) : ""};
    if (keys.access_key_id.empty() || keys.access_key_secret.empty()) {
      return Refused(Name() + ": AccessKeyId or AccessKeySecret is empty. Next: write both");
    }
    // The writer changes three files one after the other; a set read half-way is noticed by reading again.
    const auto again = ReadSmallFile(path_ + "/AccessKeyId");
    if (!again || TrimText(*again) != keys.access_key_id) {
      Error error = MakeError(EIO, ErrorKind::kUnavailable, Name() + " changed while it was read");
      error.retryable = true;
      return error;
    }
    return Credentials{std::move(keys), std::nullopt};
  }

 private:
  const std::string path_;
};

}  // namespace

std::string TrimText(std::string_view text) {
  return std::string(TrimSpace(text, " \t\r\n"));
}

Error Naming(std::string_view option, Error error) {
  error.text = StrCat(option, ": ", error.text);
  return error;
}

Result<std::string> ReadSmallFile(const std::string& path, size_t bytes_max) {
  const int fd = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return ErrnoError(errno, "open " + path);
  std::string text;
  char buffer[4096];
  ssize_t size = 0;
  while ((size = read(fd, buffer, sizeof(buffer))) > 0 && text.size() <= bytes_max) {
    text.append(buffer, static_cast<size_t>(size));
  }
  const int read_errno = errno;
  close(fd);
  if (size < 0) return ErrnoError(read_errno, "read " + path);
  if (text.size() > bytes_max)
    return MakeError(EFBIG, ErrorKind::kInvalid, StrCat(path, " is larger than ", bytes_max, " bytes"));
  return text;
}

SourcePtr MakeStaticSource(KeySet keys, std::string name) {
  return std::make_unique<StaticSource>(std::move(keys), std::move(name));
}
SourcePtr MakeFileSource(std::string path, std::string bucket) {
  return std::make_unique<FileSource>(std::move(path), std::move(bucket));
}
SourcePtr MakeDirectorySource(std::string path) { return std::make_unique<DirectorySource>(std::move(path)); }

SourcePtr MakeEnvironmentSource() {
  KeySet keys{EnvironmentText("OSS_ACCESS_KEY_ID"), EnvironmentText("OSS_ACCESS_KEY_SECRET"),
              EnvironmentText("OSS_SESSION_TOKEN")};
  if (!keys.access_key_id.empty() && !keys.access_key_secret.empty()) {
    return MakeStaticSource(std::move(keys), "environment OSS_ACCESS_KEY_ID");
  }
  keys = {EnvironmentText("ALIBABA_CLOUD_ACCESS_KEY_ID"), EnvironmentText("ALIBABA_CLOUD_ACCESS_KEY_SECRET"),
          EnvironmentText("ALIBABA_CLOUD_SECURITY_TOKEN")};
  if (!keys.access_key_id.empty() && !keys.access_key_secret.empty()) {
    return MakeStaticSource(std::move(keys), "environment ALIBABA_CLOUD_ACCESS_KEY_ID");
  }
  return nullptr;
}

}  // namespace ossfs2::oss
