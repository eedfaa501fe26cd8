#include "data/upload/put_object.h"

#include <memory>
#include <utility>

#include "base/threads/awaited.h"

namespace ossfs2 {

Result<WriteResult> PutObject(UploadServices& services, uint64_t owner, const std::string& key, UploadBody body,
                              const WriteOptions& options) {
  const auto answer = std::make_shared<Awaited<Result<WriteResult>>>();
  services.activity.Start();
  services.scheduler.Submit(owner, [&services, answer, key, body = std::move(body),
                                    options](UploadScheduler::Done done) mutable {
    services.upload_metrics.in_flight.Add(1);
    services.store.PutAsync(key, std::move(body), options,
                            [&services, answer, done = std::move(done)](Result<WriteResult> result) {
                              services.upload_metrics.in_flight.Add(-1);
                              done();
                              answer->Set(std::move(result));
                              services.activity.End();
                            });
  });
  return answer->Take();
}

}  // namespace ossfs2
