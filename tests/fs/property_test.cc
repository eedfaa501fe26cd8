// Random operations against a model in memory: tree, contents, errno; and many threads at once.
#include <atomic>
#include <functional>
#include <random>
#include <thread>

#include "tests/fs/mount_fixture.h"
#include "tests/support/seed.h"

namespace ossfs2::test {
namespace {

// What a POSIX file system would hold: path to content; directories have none. A content lives on in open handles.
class Model {
 public:
  using Content = std::shared_ptr<std::string>;
  bool Exists(const std::string& path) const { return path.empty() || files_.contains(path) || IsDir(path); }
  bool IsDir(const std::string& path) const { return path.empty() || directories_.contains(path); }
  static std::string Parent(const std::string& path) {
    const size_t slash = path.rfind('/');
    return slash == std::string::npos ? "" : path.substr(0, slash);
  }
  int CheckParent(const std::string& path) const {
    const std::string parent = Parent(path);
    if (IsDir(parent)) return 0;
    return files_.contains(parent) ? ENOTDIR : parent.empty() ? 0 : ENOENT;
  }
  std::vector<std::string> Children(const std::string& path) const {
    std::vector<std::string> names;
    const std::string start = path.empty() ? "" : path + "/";
    const auto add = [&](const std::string& key) {
      if (key.size() > start.size() && key.compare(0, start.size(), start) == 0 &&
          key.find('/', start.size()) == std::string::npos)
        names.push_back(key.substr(start.size()));
    };
    for (const auto& [key, text] : files_) add(key);
    for (const auto& [key, none] : directories_) add(key);
    std::sort(names.begin(), names.end());
    return names;
  }
  int Mkdir(const std::string& path) {
    if (int error = CheckParent(path)) return error;
    if (Exists(path)) return EEXIST;
    directories_[path] = true;
    return 0;
  }
  int Rmdir(const std::string& path) {
    if (int error = CheckParent(path)) return error;
    if (files_.contains(path)) return ENOTDIR;
    if (!Exists(path)) return ENOENT;
    if (!Children(path).empty()) return ENOTEMPTY;
    directories_.erase(path);
    return 0;
  }
  int Unlink(const std::string& path) {
    if (int error = CheckParent(path)) return error;
    if (IsDir(path)) return EISDIR;
    return files_.erase(path) == 1 ? 0 : ENOENT;
  }
  int Put(const std::string& path, const std::string& text) {
    if (int error = CheckParent(path)) return error;
    if (IsDir(path)) return EISDIR;
    Content& file = files_[path];
    if (!file) file = std::make_shared<std::string>();
    *file = text;
    return 0;
  }
  int Patch(const std::string& path, size_t offset, const std::string& text) {
    if (int error = CheckParent(path)) return error;
    if (IsDir(path)) return EISDIR;
    const auto it = files_.find(path);
    if (it == files_.end()) return ENOENT;
    PatchContent(*it->second, offset, text);
    return 0;
  }
  static void PatchContent(std::string& file, size_t offset, const std::string& text) {
    if (file.size() < offset + text.size()) file.resize(offset + text.size());
    file.replace(offset, text.size(), text);
  }
  int Truncate(const std::string& path, size_t size) {
    if (int error = CheckParent(path)) return error;
    if (IsDir(path)) return EISDIR;
    const auto it = files_.find(path);
    if (it == files_.end()) return ENOENT;
    it->second->resize(size);
    return 0;
  }
  int Rename(const std::string& from, const std::string& to, bool no_replace) {
    if (int error = CheckParent(from)) return error;
    if (int error = CheckParent(to)) return error;
    if (!Exists(from)) return ENOENT;
    if (from == to) return no_replace ? EEXIST : 0;
    if (IsDir(from) && to.compare(0, from.size() + 1, from + "/") == 0) return EINVAL;
    if (Exists(to)) {
      if (IsDir(to) && from.compare(0, to.size() + 1, to + "/") == 0) return ENOTEMPTY;
      if (no_replace) return EEXIST;
      if (IsDir(from) && !IsDir(to)) return ENOTDIR;
      if (!IsDir(from) && IsDir(to)) return EISDIR;
      if (IsDir(to) && !Children(to).empty()) return ENOTEMPTY;
    }
    files_.erase(to);
    Move(files_, from, to);
    Move(directories_, from, to);
    return 0;
  }
  const std::map<std::string, Content>& files() const { return files_; }
  const std::map<std::string, bool>& directories() const { return directories_; }

 private:
  template <class Map>
  static void Move(Map& map, const std::string& from, const std::string& to) {
    Map moved;
    for (auto it = map.begin(); it != map.end();) {
      const bool below = it->first == from || it->first.compare(0, from.size() + 1, from + "/") == 0;
      if (!below) {
        ++it;
        continue;
      }
      moved[to + it->first.substr(from.size())] = std::move(it->second);
      it = map.erase(it);
    }
    map.merge(moved);
  }
  std::map<std::string, Content> files_;
  std::map<std::string, bool> directories_;
};

template <class T>
int ErrnoOrZero(const Result<T>& result) {
  return result ? 0 : result.error().errno_value;
}

void CompareTrees(TestMount& mount, const Model& model) {
  for (const auto& [path, text] : model.files()) {
    const Result<std::string> got = mount.Get(path);
    ASSERT_TRUE(got) << path << ": " << got.error().ToString();
    ASSERT_EQ(*got, *text) << path;
  }
  std::vector<std::string> directories{""};
  for (const auto& [path, none] : model.directories()) directories.push_back(path);
  for (const std::string& path : directories) {
    auto names = mount.List(path);
    ASSERT_TRUE(names) << path << ": " << names.error().ToString();
    std::sort(names->begin(), names->end());
    ASSERT_EQ(*names, model.Children(path)) << path;
  }
}

// Random operations on a mount and on the model, by names and by handles that outlive them.
class RandomOperations {
 public:
  RandomOperations(TestMount& mount, uint64_t seed) : mount_(mount), random_(seed) {}

  Model& model() { return model_; }

  void Step(int step) {
    const std::string path = RandomPath();
    const std::string other = RandomPath();
    const std::string text(Pick(2000), static_cast<char>('A' + Pick(26)));
    const uint64_t what = Pick(14);
    Errnos errnos;
    if (what >= 10)
      ByHandle(what, path, text, errnos);
    else
      ByName(what, path, other, text, errnos);
    if (::testing::Test::HasFatalFailure()) return;
    const auto same = [](int number) { return number == ENOTDIR ? ENOENT : number; };
    ASSERT_EQ(same(errnos.got), same(errnos.expected))
        << "step " << step << " operation " << what << " " << path << " " << other;
  }

  void CloseAll() {
    while (!handles_.empty() && !::testing::Test::HasFatalFailure()) Close(0);
  }

 private:
  struct Handle {
    HandleId id = 0;
    Model::Content content;
  };
  struct Errnos {
    int expected = 0;
    int got = 0;
  };

  uint64_t Pick(uint64_t count) { return random_() % count; }
  std::string RandomPath() {
    std::string out;
    const uint64_t depth = 1 + Pick(3);
    for (uint64_t i = 0; i < depth; ++i)
      out += (i > 0 ? "/" : "") + std::string(1, static_cast<char>('a' + Pick(4)));
    return out;
  }
  void Close(size_t index) {
    ASSERT_EQ(mount_.Close(handles_[index].id), 0);
    handles_.erase(handles_.begin() + static_cast<std::ptrdiff_t>(index));
  }

  void ByHandle(uint64_t what, const std::string& path, const std::string& text, Errnos& errnos) {
    if (what == 10) return Open(path, errnos);
    if (handles_.empty()) return;
    const size_t index = Pick(handles_.size());
    if (what == 13) return Close(index);
    const Handle& handle = handles_[index];  // whatever became of the name
    const size_t offset = Pick(3000);
    if (what == 11) {
      ASSERT_TRUE(mount_.Write(handle.id, offset, text + "y"));
      Model::PatchContent(*handle.content, offset, text + "y");
      return;
    }
    const Result<std::string> read = mount_.Read(handle.id, offset, 10000);
    ASSERT_TRUE(read) << read.error().ToString();
    ASSERT_EQ(*read, offset < handle.content->size() ? handle.content->substr(offset) : "");
  }

  void Open(const std::string& path, Errnos& errnos) {
    if (handles_.size() == 6) Close(Pick(handles_.size()));
    errnos.expected = model_.CheckParent(path) != 0 ? model_.CheckParent(path) : !model_.Exists(path) ? ENOENT : 0;
    if (errnos.expected == 0 && model_.IsDir(path)) errnos.expected = EISDIR;
    const Result<HandleId> handle = mount_.OpenPath(path, O_RDWR);
    errnos.got = ErrnoOrZero(handle);
    if (handle && errnos.expected == 0) handles_.push_back({*handle, model_.files().at(path)});
  }

  void ByName(uint64_t what, const std::string& path, const std::string& other, const std::string& text,
              Errnos& errnos) {
    switch (what) {
      case 0:
        errnos = {model_.Mkdir(path), mount_.Mkdir(path)};
        return;
      case 1:
        errnos = {model_.Rmdir(path), mount_.Rmdir(path)};
        return;
      case 2:
        errnos = {model_.Unlink(path), mount_.Unlink(path)};
        return;
      case 3:
      case 4:
        errnos = {model_.Put(path, text), mount_.Put(path, text)};
        return;
      case 5:
        return Patch(path, text + "x", errnos);
      case 6: {
        const size_t size = Pick(3000);
        errnos = {model_.Truncate(path, size), mount_.Truncate(path, size)};
        return;
      }
      case 7:
      case 8: {
        const bool no_replace = Pick(4) == 0;
        errnos.expected = model_.Rename(path, other, no_replace);
        errnos.got = mount_.Rename(path, other, no_replace ? RENAME_NOREPLACE : 0);
        return;
      }
      default:
        return Stat(path, errnos);
    }
  }

  void Patch(const std::string& path, const std::string& text, Errnos& errnos) {
    const size_t offset = Pick(3000);
    errnos.expected = model_.Patch(path, offset, text);
    const Result<HandleId> handle = mount_.OpenPath(path, O_WRONLY);
    errnos.got = ErrnoOrZero(handle);
    if (!handle) return;
    ASSERT_TRUE(mount_.Write(*handle, offset, text));
    errnos.got = mount_.Close(*handle);
  }

  void Stat(const std::string& path, Errnos& errnos) {
    errnos.expected = model_.CheckParent(path) != 0 ? model_.CheckParent(path) : model_.Exists(path) ? 0 : ENOENT;
    const Result<Attr> attr = mount_.Stat(path);
    errnos.got = ErrnoOrZero(attr);
    if (attr && model_.files().contains(path)) {
      ASSERT_EQ(attr->size, model_.files().at(path)->size()) << path;
    }
  }

  TestMount& mount_;
  std::mt19937_64 random_;
  Model model_;
  std::vector<Handle> handles_;
};

void RunProperty(double attr_timeout_s, int steps) {
  auto store = oss::MakeMemoryStore();
  FsOptions options;
  options.attr_timeout_s = attr_timeout_s;
  options.list_page_size = 3;
  TestMount mount(*store, options);
  RandomOperations operations(mount, TestSeed());
  for (int step = 0; step < steps; ++step) {
    operations.Step(step);
    if (::testing::Test::HasFatalFailure()) return;
    if (step % 500 == 499) CompareTrees(mount, operations.model());
    if (::testing::Test::HasFatalFailure()) return;
  }
  operations.CloseAll();
  CompareTrees(mount, operations.model());
  if (::testing::Test::HasFatalFailure()) return;
  TestMount fresh(*store);
  CompareTrees(fresh, operations.model());
}

TEST(Property, RandomOperationsMatchAModel) { RunProperty(60, 10'000); }
TEST(Property, RandomOperationsMatchAModelWithoutCaches) { RunProperty(0, 2'000); }

// Threads with names of their own in shared directories, and shared names; in the end all is consistent.
TEST(Hammer, ThreadsDoNotDisturbEachOther) {
  const uint64_t seed = TestSeed();
  auto store = oss::MakeMemoryStore();
  FsOptions options;
  options.list_page_size = 5;
  options.attr_timeout_s = 0.01;
  TestMount mount(*store, options);
  for (const char* directory : {"shared", "other"}) ASSERT_EQ(mount.Mkdir(directory), 0);
  constexpr int kThreads = 8;
  constexpr int kRounds = 60;
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  for (int t = 0; t < kThreads; ++t) {
    threads.emplace_back([&, t] {
      std::mt19937_64 random(seed + static_cast<uint64_t>(t));
      const std::string own = "shared/own" + std::to_string(t);
      const auto expect = [&](bool right, const char* what) {
        if (right) return;
        ++wrong;
        ADD_FAILURE() << what << " by thread " << t;
      };
      for (int round = 0; round < kRounds; ++round) {
        const std::string text = std::to_string(random());
        expect(mount.Put(own, text) == 0, "put");
        expect(mount.Get(own) == text, "get");
        expect(mount.Stat(own)->size == text.size(), "stat");
        expect(mount.Rename(own, own + ".new") == 0, "rename");
        expect(mount.Get(own + ".new") == text, "get after rename");
        const auto names = mount.List("shared");
        expect(names && std::count(names->begin(), names->end(), "own" + std::to_string(t) + ".new") == 1,
               "list");
        expect(mount.Unlink(own + ".new") == 0, "unlink");
        expect(mount.Stat(own + ".new").error().errno_value == ENOENT, "stat after unlink");
        // Everybody fights for these; any errno of the rules is right.
        const std::string common = "other/" + std::string(1, static_cast<char>('a' + random() % 3));
        switch (random() % 5) {
          case 0:
            mount.Put(common, text);
            break;
          case 1:
            mount.Unlink(common);
            break;
          case 2:
            mount.Rename(common, "other/z");
            break;
          case 3:
            mount.Mkdir(common);
            break;
          default:
            mount.Rename("other/dir", "other/dir2");
            mount.Rename("other/dir2", "other/dir");
            break;
        }
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
  EXPECT_EQ(mount.List("shared")->size(), 0u);
  TestMount fresh(*store);
  auto seen = *mount.List("other");
  auto stored = *fresh.List("other");
  std::sort(seen.begin(), seen.end());
  EXPECT_EQ(seen, stored);
  for (const std::string& name : stored) {
    if (S_ISREG(fresh.Stat("other/" + name)->mode)) {
      EXPECT_EQ(*mount.Get("other/" + name), *fresh.Get("other/" + name));
    }
  }
}

}  // namespace
}  // namespace ossfs2::test
