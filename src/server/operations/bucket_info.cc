// Questions about buckets and the service, making and removing buckets, and what is left over.
#include "base/values/str.h"
#include "oss/signing/encoding.h"
#include "server/exchange/xml.h"
#include "server/operations/handlers.h"
#include "server/operations/limits.h"
#include "server/operations/object_headers.h"
#include "server/operations/upload_body.h"

namespace ossfs2::server {
namespace {

void AddOwner(XmlWriter& xml) {
  xml.Open("Owner");
  xml.Element("ID", "0000000000000000");
  xml.Element("DisplayName", "ossfs2");
  xml.Close();
}

Failure NotImplemented(const Exchange& e) {
  return Fail(400, "NotImplemented",
              StrCat("ossfs2-server does not know this request: ", e.http.method, " ", e.http.path, "?",
                     e.http.query));
}

HttpResponse Info(const HandlerContext& context, const Exchange& e) {
  const std::string host = e.http.HeaderOr("Host", "");
  XmlWriter xml;
  xml.Open("BucketInfo");
  xml.Open("Bucket");
  xml.Element("Name", e.bucket_name);
  xml.Element("Location", StrCat("oss-", context.region));
  xml.Element("CreationDate", oss::IsoDate(e.bucket->created_s()));
  xml.Element("ExtranetEndpoint", host);
  xml.Element("IntranetEndpoint", host);
  xml.Element("StorageClass", context.storage_class);
  xml.Element("DataRedundancyType", "LRS");
  if (context.versioned) xml.Element("Versioning", "Enabled");
  AddOwner(xml);
  xml.Open("AccessControlList");
  xml.Element("Grant", "private");
  xml.Close();
  return XmlAnswer(xml.Take());
}

HttpResponse Stat(const Exchange& e) {
  const BucketTotals totals = e.bucket->Totals();
  XmlWriter xml;
  xml.Open("BucketStat");
  xml.Number("Storage", totals.bytes);
  xml.Number("ObjectCount", totals.objects);
  xml.Number("MultipartUploadCount", totals.uploads);
  xml.Number("LiveChannelCount", 0);
  xml.Number("LastModifiedTime", static_cast<uint64_t>(e.bucket->created_s()));
  xml.Number("StandardStorage", totals.bytes);
  xml.Number("StandardObjectCount", totals.objects);
  return XmlAnswer(xml.Take());
}

HttpResponse Acl(const Exchange& e) {
  XmlWriter xml;
  xml.Open("AccessControlPolicy");
  AddOwner(xml);
  xml.Open("AccessControlList");
  if (!e.dialect.s3) xml.Element("Grant", "private");
  return XmlAnswer(xml.Take());
}

Reply<HttpResponse> MakeBucket(HandlerContext& context, Exchange& e) {
  const auto text = ReceiveText(e, kXmlBytesMax, "MalformedXML");
  if (!text) return Failure(text.error());
  if (!Storage::ValidName(e.bucket_name))
    return Fail(400, "InvalidBucketName", "The specified bucket is not valid.");
  const auto bucket = context.storage.Create(e.bucket_name);
  if (!bucket) return Internal(bucket.error());
  HttpResponse response;
  response.Add("Location", StrCat("/", e.bucket_name));
  return response;
}

Reply<HttpResponse> RemoveBucket(HandlerContext& context, Exchange& e) {
  const auto removed = context.storage.Remove(e.bucket_name);
  if (!removed) return Internal(removed.error());
  if (!*removed) return Fail(409, "BucketNotEmpty", "The bucket you tried to delete is not empty.");
  HttpResponse response;
  response.status = 204;
  return response;
}

Reply<HttpResponse> GetTagging(const Exchange& e) {
  const RecordPtr record = e.bucket->Find(e.key);
  if (record == nullptr) return NoSuchKey();
  XmlWriter xml;
  xml.Open("Tagging");
  xml.Open("TagSet");
  const std::string tags = TagsOf(*record);
  for (const std::string& pair : tags.empty() ? std::vector<std::string>() : Split(tags, '&')) {
    const std::vector<std::string> sides = Split(pair, '=');
    xml.Open("Tag");
    xml.Element("Key", oss::PercentDecode(sides[0]));
    xml.Element("Value", sides.size() > 1 ? oss::PercentDecode(sides[1]) : "");
    xml.Close();
  }
  xml.Close();
  return XmlAnswer(xml.Take());
}

}  // namespace

Reply<HttpResponse> OtherBucket(HandlerContext& context, Exchange& e) {
  const std::string& method = e.http.method;
  if (method == "PUT" && e.query.empty()) return MakeBucket(context, e);
  if (e.bucket == nullptr) return NoSuchBucket();
  if (method == "DELETE" && e.query.empty()) return RemoveBucket(context, e);
  if (method == "HEAD") {
    HttpResponse response;
    if (e.dialect.s3) response.Add("x-amz-bucket-region", context.region);
    return response;
  }
  if (method != "GET") return NotImplemented(e);
  if (e.HasQuery("bucketInfo")) return Info(context, e);
  if (e.HasQuery("stat")) return Stat(e);
  if (e.HasQuery("acl")) return Acl(e);
  if (e.HasQuery("location")) {
    XmlWriter xml;
    xml.Element("LocationConstraint", e.dialect.s3 ? context.region : StrCat("oss-", context.region));
    return XmlAnswer(xml.Take());
  }
  if (e.HasQuery("versioning")) {
    XmlWriter xml;
    xml.Open("VersioningConfiguration");
    if (context.versioned) xml.Element("Status", "Enabled");
    return XmlAnswer(xml.Take());
  }
  return NotImplemented(e);
}

Reply<HttpResponse> OtherObject(HandlerContext& context, Exchange& e) {
  if (e.http.method == "POST" && e.HasQuery("restore")) return RestoreObject(context, e);
  if (e.http.method == "GET" && e.HasQuery("acl")) {
    if (e.bucket->Find(e.key) == nullptr) return NoSuchKey();
    return Acl(e);
  }
  if (e.http.method == "GET" && e.HasQuery("tagging")) return GetTagging(e);
  if (e.http.method == "GET" || e.http.method == "POST" || e.http.method == "PUT") return NotImplemented(e);
  return Fail(405, "MethodNotAllowed", "The specified method is not allowed against this resource.");
}

Reply<HttpResponse> ListBuckets(HandlerContext& context, Exchange& e) {
  if (e.http.method != "GET") return Fail(405, "MethodNotAllowed", "The service answers GET only.");
  XmlWriter xml;
  xml.Open("ListAllMyBucketsResult");
  AddOwner(xml);
  xml.Open("Buckets");
  for (const auto& bucket : context.storage.All()) {
    xml.Open("Bucket");
    xml.Element("Name", bucket->name());
    xml.Element("CreationDate", oss::IsoDate(bucket->created_s()));
    if (!e.dialect.s3) xml.Element("Location", StrCat("oss-", context.region));
    xml.Close();
  }
  return XmlAnswer(xml.Take());
}

}  // namespace ossfs2::server
