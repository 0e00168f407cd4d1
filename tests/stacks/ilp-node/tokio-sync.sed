# SPDX-License-Identifier: Apache-2.0
# tokio-sync 0.1.8 has uninitialised references, at which a program built by today's Rust aborts. This makes
# them MaybeUninit.
s/ManuallyDrop::new(unsafe { mem::uninitialized() })/MaybeUninit::uninit()/
s/ManuallyDrop::new(/MaybeUninit::new(/
s/ManuallyDrop::into_inner(value)/value.assume_init()/
s/ManuallyDrop::drop(&mut \*ptr)/(*ptr).as_mut_ptr().drop_in_place()/
s/(&\*ptr)\./(*(*ptr).as_ptr())./
s/mem::uninitialized()/MaybeUninit::uninit().assume_init()/
s/ManuallyDrop/MaybeUninit/
