-- erase: forget an entry, whoever has put it.

remove(KEY)
redis.call('DEL', entry(KEY))
return 1
