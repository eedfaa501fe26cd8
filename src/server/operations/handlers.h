// The operations of the protocol, one function each, over storage.
//
// Each gets an authenticated exchange with an existing bucket (OtherBucket and ListBuckets: maybe without one) and
// gives the answer without the headers that all answers share.
// Threads: any, several at once; bodies are read on the calling thread.
// Errors: what the service answers (ServiceError); a failure of the server's own disk is a 500.
#pragma once

#include "server/exchange/exchange.h"
#include "server/exchange/service_error.h"
#include "server/operations/handler_context.h"
#include "server/transport/http_message.h"

namespace ossfs2::server {

using Handler = Reply<HttpResponse>(HandlerContext&, Exchange&);
Handler GetObject, HeadObject;                                              // get_object.cc
Handler PutObject, AppendObject;                                            // put_object.cc
Handler PutSymlink, GetSymlink, RestoreObject;                              // symlink.cc
Handler CopyObject;                                                         // copy_object.cc
Handler InitiateUpload, UploadPart, CopyPart, CompleteUpload, AbortUpload;  // multipart.cc
Handler ListParts, ListUploads;                                             // list_uploads.cc
Handler ListObjects;                                                        // list_objects.cc
Handler DeleteObject, DeleteObjects;                                        // delete_object.cc
Handler OtherObject, OtherBucket, ListBuckets;                              // bucket_info.cc

}  // namespace ossfs2::server
