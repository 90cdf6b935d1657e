-- ARGV: node. Leases sent but not yet claimed return their jobs to the backlog; what runs goes on.
local node = ARGV[1]
local returned = 0
for _, lease in ipairs(redis.call('ZRANGE', 'worker:' .. node .. ':waiting', 0, -1)) do
  for _, id in ipairs(redis.call('SMEMBERS', 'lease:' .. lease)) do
    requeue(id, 'returned', 'the node takes no new work')
    returned = returned + 1
  end
  redis.call('DEL', 'lease:' .. lease)
end
redis.call('DEL', 'worker:' .. node .. ':waiting')
return returned
