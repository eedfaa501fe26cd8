// Random operations against a model in memory: tree, contents, errno.
#include <random>

#include "tests/fs/mount_fixture.h"
#include "tests/fs/tree_model.h"
#include "tests/support/seed.h"

namespace ossfs2::test {
namespace {

template <class T>
int ErrnoOrZero(const Result<T>& result) {
  return result ? 0 : result.error().errno_value;
}

void CompareTrees(TestMount& mount, const TreeModel& model) {
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

  TreeModel& model() { return model_; }

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
    TreeModel::Content content;
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
      TreeModel::PatchContent(*handle.content, offset, text + "y");
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
  TreeModel model_;
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

}  // namespace
}  // namespace ossfs2::test
