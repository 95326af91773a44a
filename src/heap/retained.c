// stub
#include "heap/columns.h"
mx_status columns_add_retained(struct columns *columns, struct mx_error *err)
{
    (void)columns;
    (void)err;
    columns->snapshot.roots = columns->roots.items;
    return MX_OK;
}
