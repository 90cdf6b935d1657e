-- ARGV: node, lease ('' = all), detail for the timeline. Leases sent but not yet claimed return their jobs to the backlog;
-- what runs goes on. Returns how many jobs went back.
local node, only, detail = ARGV[1], ARGV[2], ARGV[3]
local waiting = 'worker:' .. node .. ':waiting'
local returned = 0
for _, lease in ipairs(only == '' and redis.call('ZRANGE', waiting, 0, -1) or {only}) do
  if redis.call('ZREM', waiting, lease) == 1 then
    for _, id in ipairs(redis.call('SMEMBERS', 'lease:' .. lease)) do
      requeue(id, 'returned', detail)
      returned = returned + 1
    end
    redis.call('DEL', 'lease:' .. lease)
  end
end
touch(node)
return returned
