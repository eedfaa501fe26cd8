#include "cli/app.h"

int main(int argc, char** argv) { return ossfs2::RunOssfs2(argc, argv); }
